"""Exported layers beside elman's own: errors of every target, and speed with int8 weights.

    python benchmarks/export.py [cell ...]

- errors: for each cell, two layers of 64 units, in one direction and in both, the largest
  difference of any output on the gate's cases, relative to its largest value; a target that cannot
  run here, or does not have the cell or form, shows –.
- int8: float32's time in ONNX Runtime divided by int8's, in turns, of 100 steps and of one step.

One thread; OMP_NUM_THREADS=1.
"""

import sys
import tempfile
from collections.abc import Callable
from typing import Any

import torch

import elman
from elman.bench.clock import interleaved
from elman.cells import BUILTIN
from elman.errors import ExportError
from elman.export.cases import drawn, initial
from elman.export.targets import TARGETS, Options, named
from elman.math import sigmoid, softplus, tanh

GOAL = 1.8  # times faster with int8 at H >= 256


class Leaky(elman.Cell):
    """A parameter for each unit."""

    gates = ("h",)
    params = {"a": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}


class Oscillator(elman.Cell):
    """Two states."""

    gates = ("force", "decay")
    recurrent = ("force",)
    state = ("place", "speed")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        speed = sigmoid(x.decay) * s.speed + x.force + r.force - 0.5 * s.place
        return {"place": tanh(s.place + 0.3 * speed), "speed": speed}


class Normalised(elman.Cell):
    """With layer normalisation."""

    gates = ("f", "n")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        f = sigmoid(x.f + r.f)
        return {"h": f * s.h + (1 - f) * softplus(x.n + r.n)}


CELLS: dict[str, tuple[Any, dict[str, Any]]] = {
    **{name: (cell, {}) for name, cell in BUILTIN.items()},
    "own, parameters": (Leaky, {}),
    "own, two states": (Oscillator, {}),
    "own, layer norm": (Normalised, {"layer_norm": True}),
}


def error(cell: Any, options: dict[str, Any], to: str) -> str:
    """The largest error of a target, one direction and both."""
    found = []
    for both in (False, True):
        torch.manual_seed(0)
        layer = elman.layer(cell, 64, 64, num_layers=2, bidirectional=both, **options)
        with tempfile.TemporaryDirectory() as folder:
            try:
                done = elman.export(layer, folder, to=to)
            except ExportError:
                found.append("–")
                continue
        found.append(f"{max(each.error for each in done.checked):.1e}" if done.checked else "–")
    return " / ".join(found)


def calls(cell: Any, size: int, form: str, to: str) -> list[Callable[[], object]]:
    """A call with float32 weights and one with int8."""
    layer = elman.layer(cell, size, size).eval()
    spec = layer.export_spec()
    graph, generator = spec.graph(form), torch.Generator().manual_seed(0)
    sizes = {"T": 100, "B": 1}
    inputs = {v.name: drawn(spec, graph, v, sizes, generator) for v in graph.inputs}
    if form == "sequence":
        inputs["lengths"] = torch.tensor([100])
    inputs |= initial(graph, 1)
    build = named(to).load()
    runs = [build({form: graph}, Options(int8=int8)).runs[form] for int8 in (False, True)]
    return [lambda run=run: run(inputs) for run in runs]  # type: ignore[misc]


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    cells = {name: each for name, each in CELLS.items() if name in (sys.argv[1:] or CELLS)}
    print(f"| cell | {' | '.join(TARGETS)} |\n|---|{'---|' * len(TARGETS)}")
    for name, (cell, options) in cells.items():
        row = [error(cell, options, to) for to in TARGETS]
        print(f"| {name} | {' | '.join(row)} |", flush=True)
    print("\n| int8, times faster | 100 steps | one step |\n|---|---|---|")
    for name in ("lstm", "gru", "mgu"):
        for size in (64, 256, 512):
            ratios = []
            for form in ("sequence", "step"):
                first, second = interleaved(calls(name, size, form, "onnx"), 1.0).seconds
                ratios.append(f"{first / second:.2f}")
            print(f"| {name} {size} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
