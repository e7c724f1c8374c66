"""Pen strokes to symbols or text by the files of `elman export`, with numpy and ONNX Runtime alone.

    elman export runs/handwriting --to onnx --out files
    python handwriting.py files ink.json

The file holds a list of drawings, each {"strokes": [[[x, y], ...], ...]}; y grows downwards.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def evenly(stroke, step):
    """Points along a stroke, about `step` apart."""
    along = np.concatenate([[0], np.hypot(*np.diff(stroke, axis=0).T).cumsum()])
    if along[-1] == 0:
        return stroke[:1]
    wanted = np.linspace(0, along[-1], max(int(np.rint(along[-1] / step)), 1) + 1)
    return np.stack([np.interp(wanted, along, values) for values in stroke.T], 1)


def size_of(strokes, is_text):
    """What the ink is measured by."""
    width, height = np.ptp(np.concatenate(strokes), axis=0)
    if not is_text:
        return max(width, height)
    step = max(width, height, 1e-9) / 200
    y = np.concatenate([evenly(stroke, step) for stroke in strokes])[:, 1]
    low, high = np.percentile(y, [5, 95])
    return max(high - low, height / 4)


def steps(strokes, about, is_text):
    """What the network reads, (T, 6)."""
    strokes = [np.array(stroke, float).reshape(-1, 2) for stroke in strokes if len(stroke)]
    points = np.concatenate(strokes)
    middle = (points.min(0) + points.max(0)) / 2
    length = sum(np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in strokes)
    size = max(size_of(strokes, is_text), about["smallest"] * about["size"])
    size = max(size, about["resolution"] * length / about["longest"])
    even = [evenly((stroke - middle) / size, 1 / about["resolution"]) for stroke in strokes]
    found = np.ones((sum(map(len, even)), 6))
    found[:, :2] = np.concatenate(even)
    found[:, 2] = 0
    found[np.cumsum([0, *map(len, even[:-1])]), 2] = 1
    found[:, 4] = np.clip((middle[1] - about["top"]) / about["size"], -10, 10)
    found[:, 5] = min(size / about["size"], 1e3)
    return found.astype(np.float32)


def text(scores, alphabet):
    """The likeliest id of each step; neither blanks nor repetitions are written."""
    ids = scores.argmax(1)
    is_new = np.diff(ids, prepend=alphabet["blank"]) != 0
    kept = ids[is_new & (ids != alphabet["blank"])]
    written = "".join(alphabet["characters"][i - alphabet["first_id"]] for i in kept)
    return " ".join(written.split()) if " " in alphabet["characters"] else written


def main(folder, file):
    about = json.loads(Path(folder, "preprocess.json").read_text(encoding="utf-8"))
    network = onnxruntime.InferenceSession(Path(folder, "sequence.onnx"))
    for drawing in json.loads(Path(file).read_text(encoding="utf-8")):
        x = steps(drawing["strokes"], about["ink"], "alphabet" in about)[:, None]
        given = {"x": x, "lengths": np.array([len(x)])}
        if "alphabet" in about:
            (scores,) = network.run(["log_probabilities"], given)
            print(text(scores[:, 0], about["alphabet"]))
        else:
            (found,) = network.run(["probabilities"], given)
            print(about["labels"][found[0].argmax()], f"{found[0].max():.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
