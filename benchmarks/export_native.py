"""One stream, one thread: what a step takes from C and in WebAssembly, against ONNX Runtime.

    python benchmarks/export_native.py [--web FOLDER]

prints the median microseconds of processor time of a step of a layer: of a sequence of 100 steps by
`NAME_run`, called from Python once; by elman's `layer.step`; by ONNX Runtime, step by step and of
the sequence at once. With `--web`, a folder where `npm install onnxruntime-web` was called, also in
Node.js against that: the best of 60 turns, since Node.js does not tell a thread's processor time.
"""

import ctypes
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import elman
from elman.export.export import export
from elman.export.native.running import run_here
from elman.nn import Recurrent

CASES = tuple((cell, size) for cell in ("lstm", "gru") for size in (64, 256, 512))
STEPS = 100
SCRIPT = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const [, , folder, web, states, size] = process.argv;
const { load } = await import(`${folder}/model.mjs`);
const ort = createRequire(`${web}/package.json`)("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const model = new Uint8Array(readFileSync(`${folder}/step.onnx`));
const session = await ort.InferenceSession.create(model);
const stream = (await load()).stream();
const H = Number(size), x = Float32Array.from({ length: H }, () => Math.random() - 0.5);
const first = () => new ort.Tensor("float32", new Float32Array(H), [1, 1, H]);
let state = Object.fromEntries(states.split(",").map((name) => [name, first()]));
async function theirs() {
  const found = await session.run({ x: new ort.Tensor("float32", x, [1, H]), ...state });
  state = Object.fromEntries(Object.keys(state).map((n) => [n, found[`new_${n}`]]));
  return found.y.data;
}
let apart = 0;
for (let t = 0; t < 20; t++) {
  const ours = stream.step(x).y, other = await theirs();
  for (let i = 0; i < H; i++) apart = Math.max(apart, Math.abs(ours[i] - other[i]));
}
const times = [[], []];
const calls = Math.max(5, Math.round(4e6 / (H * H)));
for (let turn = 0; turn < 60; turn++) {
  let start = performance.now();
  for (let i = 0; i < calls; i++) stream.step(x);
  times[0].push((performance.now() - start) / calls);
  start = performance.now();
  for (let i = 0; i < calls; i++) await theirs();
  times[1].push((performance.now() - start) / calls);
}
console.log(JSON.stringify([...times.map((list) => 1000 * Math.min(...list)), apart]));
"""


def main() -> None:
    torch.set_num_threads(1)
    in_machine_code()
    if "--web" in sys.argv:
        in_node(Path(sys.argv[sys.argv.index("--web") + 1]).resolve())


def made(cell: str, size: int) -> Recurrent:
    torch.manual_seed(0)
    return elman.layer(cell, size, size).eval()


def in_machine_code() -> None:
    """From C, from Python, and ONNX Runtime's step and sequence."""
    columns = ("from C", "layer.step", "ONNX Runtime, step", "ONNX Runtime, sequence")
    print("| |", " | ".join(columns), "| best of ONNX Runtime / from C |")
    print("|---|" + "---|" * (len(columns) + 1))
    for cell, size in CASES:
        layer = made(cell, size)
        with tempfile.TemporaryDirectory() as folder:
            export(layer, folder, to="onnx")
            runs = [from_c(layer), by_layer(layer), *by_runtime(layer, Path(folder))]
            seconds = in_turns(runs)
        figures = [
            1e6 * each / calls for each, calls in zip(seconds, (STEPS, 1, 1, STEPS), strict=True)
        ]
        ratio = min(figures[2:]) / figures[0]
        shown = " | ".join(f"{figure:,.1f}" for figure in figures)
        print(f"| {cell} {size} | {shown} | {ratio:.2f} |", flush=True)


def in_turns(runs: list[Callable[[], Any]], turns: int = 15) -> list[float]:
    """Median seconds of this thread's processor time for a call of each, which take turns: so the
    time of others on the same processor is not counted."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(turns):
        for run, own in zip(runs, times, strict=True):
            run()
            end = time.perf_counter() + 0.02
            while time.perf_counter() < end or not own:
                start = time.thread_time()
                run()
                own.append(time.thread_time() - start)
    return [statistics.median(each) for each in times]


def from_c(layer: Recurrent) -> Any:
    """A call of the function that takes the steps one after the other."""
    run = run_here(layer.export_spec().graphs, "step")["step"]
    word, place = ctypes.c_size_t, ctypes.c_void_p
    function = run.function("run", place, place, word, place)
    size = run.function("state_size", result=word)()
    state = np.zeros(size // 4, np.float32)
    x = np.random.default_rng(0).standard_normal((STEPS, layer.input_size), np.float32)
    y = np.zeros((STEPS, layer.hidden_size), np.float32)
    return lambda: function(state.ctypes.data, x.ctypes.data, STEPS, y.ctypes.data)


def by_layer(layer: Recurrent) -> Any:
    x, state = torch.randn(1, layer.input_size), None
    with torch.inference_mode():
        _, state = layer.step(x)

    def step() -> None:
        with torch.inference_mode():
            layer.step(x, state)

    return step


def by_runtime(layer: Recurrent, folder: Path) -> list[Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    step, sequence = (
        onnxruntime.InferenceSession(folder / f"{name}.onnx", options)
        for name in ("step", "sequence")
    )
    x = np.random.default_rng(0).standard_normal((STEPS, 1, layer.input_size), np.float32)
    states = {name: np.zeros((1, 1, layer.hidden_size), np.float32) for name in layer.cell.state}
    one, whole = {"x": x[0], **states}, {"x": x, "lengths": np.array([STEPS]), **states}
    return [lambda: step.run(None, one), lambda: sequence.run(None, whole)]


def in_node(web: Path) -> None:
    """In Node.js, called from JavaScript."""
    print("\n| | elman | onnxruntime-web | ratio | files, kB | largest difference |")
    print("|---|---|---|---|---|---|")
    for cell, size in CASES:
        layer = made(cell, size)
        with tempfile.TemporaryDirectory() as folder:
            export(layer, Path(folder) / "wasm", to="wasm")
            for path in (Path(folder) / "wasm").glob("model.*"):
                path.rename(Path(folder) / path.name)
            export(layer, Path(folder) / "onnx", to="onnx", form="step")
            (Path(folder) / "onnx" / "step.onnx").rename(Path(folder) / "step.onnx")
            script = Path(folder) / "script.mjs"
            script.write_text(SCRIPT)
            given = [folder, str(web), ",".join(layer.cell.state), str(size)]
            done = subprocess.run(
                ["node", script, *given], capture_output=True, text=True, check=True
            )
            ours, other, apart = json.loads(done.stdout)
            kilobytes = (
                sum((Path(folder) / f"model.{end}").stat().st_size for end in ("wasm", "mjs"))
                / 1000
            )
        figures = (
            f"{ours:,.1f} | {other:,.1f} | {other / ours:.2f} | {kilobytes:,.0f} | {apart:.0e}"
        )
        print(f"| {cell} {size} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
