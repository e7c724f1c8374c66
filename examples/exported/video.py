"""Clips to labels, events or the frames to come by the files of `elman export`, with numpy and ONNX
Runtime alone.

    elman export runs/video --to onnx --out files
    python video.py files one.npy two.npz

A clip is an array of bytes, (T, H, W) or (T, H, W, 1 or 3); an .npz file also holds its `rate`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def clip_of(path):
    """The frames of a file, (T, H, W, C), and how many there are a second, if that is known."""
    content = np.load(path)
    frames, rate = content, None
    if isinstance(content, np.lib.npyio.NpzFile):
        frames, rate = content["frames"], float(content["rate"]) if "rate" in content else None
    return frames[..., None] if frames.ndim == 3 else frames, rate


def at_rate(frames, rate, wanted):
    """At each moment of the wanted rate the last frame that begins not after it."""
    if rate is None or wanted is None or abs(rate - wanted) <= 1e-5 * wanted:
        return frames
    moments = np.arange(int(np.ceil(len(frames) / rate * wanted - 1e-6))) / wanted
    return frames[np.minimum((moments * rate + 1e-6).astype(int), len(frames) - 1)]


def weights(old, new, is_smaller):
    """What pixels count for along a side, (new, old)."""
    places = (np.arange(new)[:, None] + 0.5) * (old / new)
    middles = (np.arange(old) - places + 0.5) * (1 / max(old / new, 1.0))
    found = (middles > -0.5) & (middles <= 0.5) if is_smaller else np.maximum(1 - abs(middles), 0)
    return found / found.sum(1, keepdims=True)


def scaled(frames, height, width):
    is_smaller = height <= frames.shape[1] and width <= frames.shape[2]
    for axis, new in ((2, width), (1, height)):
        if frames.shape[axis] != new:
            own = weights(frames.shape[axis], new, is_smaller)
            values = np.moveaxis(np.tensordot(own, frames.astype(float), (1, axis)), 0, axis)
            frames = np.floor(values + 0.5).astype(np.uint8)
    return frames


def formed(frames, about):
    """Frames in the colours and the size of the model."""
    if about["colour"] == "grey" and frames.shape[3] == 3:
        mixed = frames.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
        frames = ((mixed + 32768) >> 16).astype(np.uint8)[..., None]
    wanted, sides = (about["height"], about["width"]), frames.shape[1:3]
    if about["fit"] == "resize":
        frames = scaled(frames, *wanted)
    else:
        choose = max if about["fit"] == "crop" else min
        ratio = choose(new / old for new, old in zip(wanted, sides, strict=True))
        frames = scaled(frames, *(max(1, round(side * ratio)) for side in sides))
        for axis, new in enumerate(wanted, 1):
            over = frames.shape[axis] - new
            first = over // 2
            around = [(0, 0)] * 4
            around[axis] = (max(0, -first), max(0, first - over))
            frames = np.pad(frames, around)
            frames = frames.take(np.arange(new) + max(0, first), axis)
    return frames if frames.shape[3] > 1 or about["colour"] == "grey" else frames.repeat(3, 3)


def statistics(frames, about):
    """How much moves where, in figures of the whole clip."""
    values = frames.mean(3)
    change = abs(np.diff(values, axis=0)) if len(values) > 1 else np.zeros_like(values)
    parts = [p for row in np.array_split(change, 3, 1) for p in np.array_split(row, 3, 2)]
    rows = np.stack([part.mean((1, 2)) for part in parts], 1) / 255
    jumps = abs(np.diff(rows, axis=0)).mean(0) if len(rows) > 1 else np.zeros(9)
    found = [rows.mean(0), rows.std(0), rows.min(0), rows.max(0), rows[0], rows[-1], jumps]
    found += [*np.quantile(rows, about["quantiles"], axis=0), [np.log(len(rows))]]
    values = (np.concatenate(found) - about["mean"]) * about["scale"]
    return values.clip(-10, 10).astype(np.float32)[None]


def probabilities(network, frames, about):
    """Of the labels: of a clip, (1, labels), or at each frame of a video, (T, 1, labels)."""
    given = {"frames": frames[:, None].astype(np.float32), "lengths": np.array([len(frames)])}
    if "statistics" in about:
        given["statistics"] = statistics(frames, about["statistics"])
    return network.run(["probabilities"], given)[0]


def of_video(network, frames, about):
    """The probabilities at each frame, (T, labels), where need be by windows."""
    rules = about["events"]
    if "window" not in rules:
        return probabilities(network, frames, about)[:, 0]
    found, start = [], 0
    while True:
        own = probabilities(network, frames[start : start + rules["window"]], about)[:, 0]
        told = sum(map(len, found)) - start
        is_last = start + rules["window"] > len(frames)
        found.append(own[told : None if is_last else rules["window"] - rules["hop"] // 2])
        if is_last:
            return np.concatenate(found)
        start += rules["hop"]


def events(values, about):
    """Label, start, end and confidence of each."""
    rules, found = about["events"], []
    if rules["exclusive"]:
        values = np.where(values == values.max(1, keepdims=True), values, 0)
    is_told = np.pad(values > about["told_above"], ((1, 1), (0, 0))).astype(int)
    for i, label in enumerate(about["labels"]):
        change = np.diff(is_told[:, i])
        runs = []
        for start, end in zip(*(np.flatnonzero(change == sign) for sign in (1, -1)), strict=True):
            if runs and start - runs[-1][1] <= rules["pause"][i]:
                start, _ = runs.pop()
            runs.append((start, end))
        for start, end in runs:
            if end - start >= rules["shortest"][i]:
                times = (float(round(at / about["frames"]["a_second"], 3)) for at in (start, end))
                found.append([*times, label, round(float(values[start:end, i].mean()), 4)])
    return [[label, start, end, sure] for start, end, label, sure in sorted(found)]


def to_come(folder, frames, about):
    """The frames after a clip, (horizon, H, W, C)."""
    read, step = (onnxruntime.InferenceSession(folder / f"{n}.onnx") for n in ("read", "step"))
    height, width = frames.shape[1:3]
    below = (
        (0, 0),
        (0, 0),
        (0, about["padded_height"] - height),
        (0, about["padded_width"] - width),
    )
    x = np.pad((frames / np.float32(255)).transpose(0, 3, 1, 2), below).astype(np.float32)
    state = {
        each.name: np.zeros([each.shape[0], 1, *each.shape[2:]], np.float32)
        for each in read.get_inputs()
        if each.name != "frames"
    }
    learnt = about.get("first_states", {}).get("read", {})
    state |= {name: np.array(first, np.float32) for name, first in learnt.items()}
    for frame in x[-about["inputs"] :]:
        state = dict(zip(state, read.run(None, {"frames": frame[None], **state}), strict=True))
    found = []
    for _ in range(about["horizon"]):
        following, *new = step.run(None, {"frames": x[-1:], **state})
        state = dict(zip(state, new, strict=True))
        found.append(following[0, :, :height, :width].clip(0, 1))
    return np.rint(255 * np.stack(found)).astype(np.uint8).transpose(0, 2, 3, 1)


def main(folder, *clips):
    folder = Path(folder)
    about = json.loads((folder / "preprocess.json").read_text(encoding="utf-8"))
    is_of_frames = "horizon" in about
    network = None if is_of_frames else onnxruntime.InferenceSession(folder / "sequence.onnx")
    for path in clips:
        frames, rate = clip_of(path)
        frames = formed(at_rate(frames, rate, about["frames"]["a_second"]), about["frames"])
        if is_of_frames:
            print(json.dumps(to_come(folder, frames, about).tolist()))
        elif "events" in about:
            print(json.dumps(events(of_video(network, frames, about), about)))
        else:
            (sure,) = probabilities(network, frames, about)
            if "told_above" in about:
                told = [i for i in np.argsort(-sure) if sure[i] > about["told_above"][i]]
            else:
                told = [sure.argmax()]
            print(json.dumps([about["labels"][i] for i in told]), f"{sure.max():.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
