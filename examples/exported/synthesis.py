"""Handwriting by the files of `elman export`, with numpy and ONNX Runtime alone.

    elman export runs/writer --to onnx --out files
    python synthesis.py files write "a text" [BIAS] > ink.json
    python synthesis.py files nats ink.json

The file holds a list of drawings, {"strokes": [[[x, y], ...], ...]}, and the "text" of each where
the model writes texts; the second command prints the nats a point of each.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


class Writer:
    """The network with its state, and the text that it writes."""

    def __init__(self, folder, about, text):
        session = onnxruntime.InferenceSession(Path(folder, "step.onnx"))
        self.run, self.given = session.run, {}
        names = [each.name.removeprefix("new_") for each in session.get_outputs()[1:]]
        shapes = {each.name: each.shape for each in session.get_inputs()}
        self.state = {n: np.zeros([shapes[n][0], 1, *shapes[n][2:]], np.float32) for n in names}
        learnt = about.get("first_states", {}).get("step", {})
        self.state |= {name: np.array(first, np.float32) for name, first in learnt.items()}
        if about["characters"]:
            first = about["characters_first_id"]
            ids = [about["characters"].index(each) + first for each in text] + [0]
            self.given = {"characters": np.array(ids)[:, None]}
            self.given["character_counts"] = np.array([len(ids)])

    def read(self, offset, pen):
        """The scores of the next point after one, or after none (pen is None)."""
        x = np.zeros((1, 5), np.float32)
        if pen is not None:
            x[0, :2], x[0, 2 + pen] = offset, 1
        scores, *new = self.run(None, {"x": x, **self.given, **self.state})
        self.state = dict(zip(self.state, new, strict=True))
        return scores[0].astype(float)

    @property
    def place(self):
        """Which character the window has come to."""
        places = np.sort(self.state["places"][0, 0])
        return places[(len(places) - 1) // 2]


def density(scores, about, bias=0.0):
    """Logarithms of the weights, (M,), means and deviations, (2, M), correlations, (M,), and
    logarithms of the pen states' probabilities, (3,)."""
    count = (len(scores) - 3) // 6
    logs, pens = scores[:count] * (1 + bias), scores[-3:]
    means, spread = scores[count : 3 * count], scores[3 * count : 5 * count]
    spread = (about["smallest_deviation"] + np.logaddexp(0, spread)) * np.exp(-bias)
    correlation = about["largest_correlation"] * np.tanh(scores[5 * count : 6 * count])
    shares = [each - np.logaddexp.reduce(each) for each in (logs, pens)]
    return shares[0], means.reshape(2, -1), spread.reshape(2, -1), correlation, shares[1]


def draw(scores, about, bias, random):
    """An offset and a pen state."""
    logs, means, deviations, correlation, pens = density(scores, about, bias)
    chosen = random.choice(len(logs), p=np.exp(logs))
    x, y = random.normal(size=2)
    rho = correlation[chosen]
    offset = np.array([x, rho * x + np.sqrt(1 - rho**2) * y])
    pen = random.choice(3, p=np.exp(pens))
    return means[:, chosen] + deviations[:, chosen] * offset, int(pen)


def write(folder, about, text, bias, seed=None):
    """The strokes of a text, lists of points."""
    writer, random, scale = Writer(folder, about, text), np.random.default_rng(seed), about["scale"]
    count = writer.given.get("character_counts", [0])[0]
    most = 50 + (round(3 * len(text) / about["pace"]) if count else 3 * about["longest"])
    place, offset, pen, strokes = np.zeros(2), None, None, [[]]
    while sum(map(len, strokes)) < most:
        scores = writer.read(offset, pen)
        if count and writer.place < count - 2:
            scores[-1] = -np.inf
        offset, following = draw(scores, about, bias, random)
        if about["is_integer"]:
            offset = np.rint(offset * scale) / scale
        if pen is None:
            offset = np.zeros(2)
        elif pen > 0:
            strokes.append([])
        place, pen = place + offset * scale, following
        strokes[-1].append([float(value) for value in place])
        if pen == 2 or (count and writer.place > count):
            break
    return strokes


def evenly(stroke, step):
    """Points along a stroke, about `step` apart."""
    along = np.concatenate([[0], np.hypot(*np.diff(stroke, axis=0).T).cumsum()])
    if along[-1] == 0:
        return stroke[:1]
    wanted = np.linspace(0, along[-1], max(int(np.rint(along[-1] / step)), 1) + 1)
    return np.stack([np.interp(wanted, along, values) for values in stroke.T], 1)


def nats(folder, about, drawing):
    """The nats a point of a drawing."""
    strokes = [np.array(each, float).reshape(-1, 2) for each in drawing["strokes"] if len(each)]
    if about["spacing"]:
        strokes = [evenly(each, about["spacing"]) for each in strokes]
    pens = np.concatenate([[*[0] * (len(each) - 1), 1] for each in strokes])
    pens[-1] = 2
    points = np.concatenate(strokes)
    offsets = np.diff(points, axis=0, prepend=points[:1]) / about["scale"]
    noise = np.zeros_like(offsets)
    if about["is_integer"]:
        noise = (np.random.default_rng(0).random(noise.shape, np.float32) - 0.5) / about["scale"]
    writer, total, before = Writer(folder, about, drawing.get("text", "")), 0.0, (None, None)
    for i, (offset, pen) in enumerate(zip(offsets, pens, strict=True)):
        logs, means, deviations, rho, states = density(writer.read(*before), about)
        total -= states[pen]
        if i:
            x, y = ((offset + noise[i])[:, None] - means) / deviations
            rest = 1 - rho**2
            volume = np.log(2 * np.pi) + np.log(deviations).sum(0) + np.log(rest) / 2
            apart = (x**2 + y**2 - 2 * rho * x * y) / rest
            total -= np.logaddexp.reduce(logs - volume - apart / 2) - 2 * np.log(about["scale"])
        before = offset, pen
    return total / len(pens)


def main(folder, command, given="", bias=0):
    about = json.loads(Path(folder, "preprocess.json").read_text(encoding="utf-8"))
    if command == "write":
        print(json.dumps([{"strokes": write(folder, about, given, float(bias))}]))
        return
    for drawing in json.loads(Path(given).read_text(encoding="utf-8")):
        print(f"{nats(folder, about, drawing):.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
