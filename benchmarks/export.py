"""Exported layers beside elman's own: errors of every target, and speed and size with int8 weights.

    python benchmarks/export.py [errors] [int8] [--web FOLDER] [--cells NAME ...]

- errors: for each cell, two layers of 64 units, in one direction and in both, the largest
  difference of any output on the gate's cases, relative to its largest value: of ONNX Runtime;
  of onnxruntime-web in headless Chromium, with `--web`, a folder where `npm install
  onnxruntime-web` was called; of C by gcc at -O2 and at -O3 -march=native; of WebAssembly in
  Node.js and in Chromium. A target that cannot run here shows –.
- int8: float32's processor time in ONNX Runtime divided by int8's, in turns, of 100 steps and of
  one step; the size of the file divided by float32's; the largest error of the output; at last of
  a table that is also the matrix of the scores.

One thread; OMP_NUM_THREADS=1.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from export_native import in_turns

import elman
from elman.cells import BUILTIN
from elman.errors import ExportError
from elman.export.cases import drawn, initial
from elman.export.parity import LIMIT, check
from elman.export.targets import Options, named
from elman.export.to_c.native import Native
from elman.export.to_c.source import source
from elman.export.to_wasm import target as wasm
from elman.export.to_wasm.node import node
from elman.math import sigmoid, softplus, tanh
from elman.nn.export_spec import ExportSpec, Run
from elman.nn.graph import Graph
from elman.nn.graph_ops import apply, embedding, linear

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))
import browser_runs
from browser import COMMAND as CHROMIUM

LEVELS = {"gcc -O2": ("-O2",), "gcc -O3 -march=native": ("-O3", "-march=native")}


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
    "own, a parameter a unit": (Leaky, {}),
    "own, two states": (Oscillator, {}),
    "own, layer norm": (Normalised, {"layer_norm": True}),
}
Runs = Mapping[str, Run]


def of_target(to: str) -> Callable[[ExportSpec], Runs]:
    return lambda spec: named(to).load()(spec.graphs, Options()).runs


def one_by_one(spec: ExportSpec) -> str:
    """The graph that is written for one sequence at a time."""
    return "step" if "step" in spec.graphs else "sequence"


def in_c(flags: tuple[str, ...]) -> Callable[[ExportSpec], Runs]:
    def runs(spec: ExportSpec) -> Runs:
        form = one_by_one(spec)
        graph = spec.graph(form)
        return {form: Native(graph, source(graph, "model"), "gcc", flags)}

    return runs


def wasm_in_browser(web: browser_runs.Web) -> Callable[[ExportSpec], Runs]:
    def runs(spec: ExportSpec) -> Runs:
        form = one_by_one(spec)
        graph = spec.graph(form)
        content = wasm.build({form: graph}, Options()).files({})
        return {form: browser_runs.InBrowser(graph, "model", content, web)}

    return runs


def onnx_in_browser(web: browser_runs.Web) -> Callable[[ExportSpec], Runs]:
    def runs(spec: ExportSpec) -> Runs:
        files = named("onnx").load()(spec.graphs, Options()).files({})
        return {
            name: browser_runs.OnnxInBrowser(files[f"{name}.onnx"], web) for name in spec.graphs
        }

    return runs


def error(cell: Any, options: dict[str, Any], target: Callable[[ExportSpec], Runs] | None) -> str:
    """The largest error of a target, one direction and both."""
    if target is None:
        return "–"
    found = []
    for both in (False, True):
        torch.manual_seed(0)
        layer = elman.layer(cell, 64, 64, num_layers=2, bidirectional=both, **options).eval()
        spec = layer.export_spec()
        try:
            runs = target(spec)
            found.append(max(each.error for each in check(spec, list(runs), runs)))
        except ExportError as problem:
            print(problem, file=sys.stderr)
            found.append(float("nan"))
    return " / ".join(f"{each:.1e}{'' if each <= LIMIT else ' (above)'}" for each in found)


def errors(cells: list[str], runtime: Path | None) -> None:
    web = None if CHROMIUM is None else browser_runs.Web(runtime)
    has_runtime = web is not None and runtime is not None
    gcc = shutil.which("gcc")
    targets: dict[str, Callable[[ExportSpec], Runs] | None] = {
        "ONNX Runtime": of_target("onnx"),
        "onnxruntime-web, Chromium": onnx_in_browser(web) if web and has_runtime else None,
        **{f"C, {level}": in_c(flags) if gcc else None for level, flags in LEVELS.items()},
        "WebAssembly, Node.js": of_target("wasm") if node() else None,
        "WebAssembly, Chromium": wasm_in_browser(web) if web else None,
    }
    print(f"| cell | {' | '.join(targets)} |\n|---|{'---|' * len(targets)}")
    for name in cells:
        row = [error(*CELLS[name], target) for target in targets.values()]
        print(f"| {name} | {' | '.join(row)} |", flush=True)
    if web:
        web.close()


def session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options)


def of_session(content: bytes, inputs: Mapping[str, Any]) -> Callable[[], Any]:
    run = session(content).run
    return lambda: run(None, inputs)


def int8() -> None:
    head = ("int8", "100 steps, times faster", "one step, times faster", "size", "largest error")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name in ("lstm", "gru", "mgu"):
        for size in (64, 256, 512):
            torch.manual_seed(0)
            spec = elman.layer(name, size, size).eval().export_spec()
            found = [quantised(spec, form) for form in ("sequence", "step")]
            ratios = " | ".join(f"{ratio:.2f}" for ratio, _, _ in found)
            share, apart = (max(each[place] for each in found) for place in (1, 2))
            print(f"| {name} {size} | {ratios} | {share:.2f} | {apart:.3f} |", flush=True)

    found = tied_table(5000, 256)
    print(f"| tied table 5,000 x 256 | – | {found[0]:.2f} | {found[1]:.2f} | {found[2]:.3f} |")


def tied_table(rows: int, columns: int) -> tuple[float, float, float]:
    """The same of a step from ids to scores by the table of the vectors."""
    torch.manual_seed(0)
    graph, table = Graph("step"), torch.randn(rows, columns)
    vectors = embedding(graph, graph.input("ids", ("B",), "int64", below=rows), table)
    mixed = linear(graph, vectors, torch.randn(columns, columns) / columns**0.5, None)
    graph.output("scores", linear(graph, apply(graph, "tanh", mixed), table, None))
    return quantised(ExportSpec({"step": graph}, {}), "step")


def quantised(spec: ExportSpec, form: str) -> tuple[float, float, float]:
    """Times faster, the share of the size, and the error of int8."""
    graph, generator = spec.graph(form), torch.Generator().manual_seed(0)
    given = {v.name: drawn(spec, graph, v, {"T": 100, "B": 1}, generator) for v in graph.inputs}
    if form == "sequence":
        given["lengths"] = torch.tensor([100])
    inputs = {name: each.numpy() for name, each in {**given, **initial(graph, 1)}.items()}
    build = named("onnx").load()
    files = [build({form: graph}, Options(int8=each)).files({}) for each in (False, True)]
    contents = [each[f"{form}.onnx"] for each in files]
    runs = [of_session(each, inputs) for each in contents]
    expected, actual = (run()[0] for run in runs)
    first, second = in_turns(runs)
    error = abs(actual - expected).max() / abs(expected).max()
    return first / second, len(contents[1]) / len(contents[0]), float(error)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="*", choices=["errors", "int8", []], default=[])
    parser.add_argument("--web", type=Path)
    parser.add_argument("--cells", nargs="*", choices=list(CELLS), default=list(CELLS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    tables = asked.tables or ["errors", "int8"]
    if "errors" in tables:
        runtime = asked.web and asked.web / "node_modules" / "onnxruntime-web" / "dist"
        errors(asked.cells, runtime)
        print()
    if "int8" in tables:
        int8()


if __name__ == "__main__":
    main()
