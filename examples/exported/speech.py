"""Recordings to text by the files of `elman export`, with numpy and ONNX Runtime alone.

elman export runs/speech --to onnx --out files
python speech.py files one.wav two.wav
"""

import json
import sys
import wave
from pathlib import Path

import numpy as np
import onnxruntime


def samples(path, rate):
    """Of a WAV file of 16 bits, the mean of its channels."""
    with wave.open(path) as file:
        if file.getsampwidth() != 2 or file.getframerate() != rate:
            sys.exit(f"{path}: 16 bits at {rate} Hz are needed, convert it first")
        values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return values.reshape(-1, file.getnchannels()).mean(1) / 32768


def features(sound, about):
    """Log mel energies or cepstra, a row every 10 ms."""
    size, shift = about["window_samples"], about["shift_samples"]
    filters = np.zeros((len(about["filters"]), about["fft_samples"] // 2 + 1))
    for row, each in zip(filters, about["filters"], strict=True):
        row[each["start"] : each["start"] + len(each["weights"])] = each["weights"]
    count = (len(sound) + shift // 2) // shift
    places = np.arange(size) + about["first_sample"] + shift * np.arange(count)[:, None]
    places %= 2 * len(sound)  # mirrored beyond both ends
    frames = sound[np.minimum(places, 2 * len(sound) - 1 - places)]
    frames -= frames.mean(1, keepdims=True)
    frames -= about["preemphasis"] * np.concatenate([frames[:, :1], frames[:, :-1]], 1)
    power = np.abs(np.fft.rfft(frames * about["window"], about["fft_samples"])) ** 2
    logs = np.log(np.maximum(power @ filters.T, about["smallest"]))
    return logs @ np.transpose(about["cosines"]) if "cosines" in about else logs


def steps(frames, about):
    """What the network reads: frames at a level, with their slopes, some of them joined."""
    frames, mean = frames.copy(), np.array(about["mean"])
    if about["whole"]:
        frames -= frames.mean(0)
    else:
        for n, frame in enumerate(frames, 1):
            mean += (frame - mean) / min(about["prior"] + n, about["longest"])
            frame -= mean
    parts = [frames]
    for weights in about["slopes"]:
        padded = np.pad(frames, ((len(weights) // 2,) * 2, (0, 0)), "edge")
        parts.append(sum(w * padded[i : i + len(frames)] for i, w in enumerate(weights)))
    joined = np.concatenate(parts, 1)
    missing = -len(joined) % about["stack"]
    joined = np.pad(joined, ((0, missing), (0, 0)))
    return joined.reshape(len(joined) // about["stack"], -1)


def text(scores, alphabet):
    """The likeliest id of each step; neither blanks nor repetitions are written."""
    ids = scores.argmax(1)
    is_new = np.diff(ids, prepend=alphabet["blank"]) != 0
    kept = ids[is_new & (ids != alphabet["blank"])]
    written = "".join(alphabet["characters"][i - alphabet["first_id"]] for i in kept)
    return " ".join(written.split()) if " " in alphabet["characters"] else written


def main(folder, *recordings):
    about = json.loads(Path(folder, "preprocess.json").read_text(encoding="utf-8"))
    network = onnxruntime.InferenceSession(Path(folder, "sequence.onnx"))
    for path in recordings:
        frames = features(samples(path, about["sound"]["rate"]), about["sound"])
        x = steps(frames, about["steps"]).astype(np.float32)[:, None]
        (scores,) = network.run(["log_probabilities"], {"x": x, "lengths": np.array([len(x)])})
        print(text(scores[:, 0], about["alphabet"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
