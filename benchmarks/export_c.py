"""One step of an exported layer in C beside elman's own and ONNX Runtime's.

    python benchmarks/export_c.py [H ...]

- microseconds a step of one stream, LSTM and GRU with as many inputs as units, medians in turns:
  elman's `layer.step` and ONNX Runtime called from Python, C from a loop in C (`run` over 64
  steps), for each compiler that is here, at -O2 and at -O3 -march=native, with float32 and with
  int8 weights. The last columns: how many times faster the fastest C is with float32 weights.
- bytes for a Cortex-M4 at -Os, code and weights, where arm-none-eabi-gcc is here.

One thread; OMP_NUM_THREADS=1.
"""

import ctypes
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

import elman
from elman.bench.clock import interleaved
from elman.export.to_c.native import Native
from elman.export.to_c.source import Source, source
from elman.export.to_onnx.model import to_model
from elman.nn.graph import Graph

LEVELS = (("-O2",), ("-O3", "-march=native"))
STEPS, SECONDS = 64, 1.0
CORTEX_M4 = ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-mthumb", "-Os")


def in_c(graph: Graph, written: Source, compiler: str, flags: tuple[str, ...]) -> Callable[[], Any]:
    """A call of `STEPS` steps."""
    native = Native(graph, written, compiler, flags)
    size = graph.inputs[0].shape[1]
    x = np.random.default_rng(0).normal(size=(STEPS, size)).astype(np.float32)
    y, state = np.empty_like(x), np.zeros(written.interface.memory_floats, np.float32)
    run = native.function("run")
    pointers = [ctypes.c_void_p(each.ctypes.data) for each in (state, x, y)]
    arguments = [*pointers[:2], ctypes.c_size_t(STEPS), pointers[2]]
    kept = (x, y, state, native)
    return lambda: (run(*arguments), kept)


def in_elman(layer: Any, size: int) -> Callable[[], Any]:
    x = torch.randn(1, size)

    def call() -> None:
        state = None
        with torch.inference_mode():
            for _ in range(STEPS):
                _, state = layer.step(x, state)

    return call


def in_onnx(graph: Graph, size: int) -> Callable[[], Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_model(graph, "step").SerializeToString(), options)
    x = np.random.default_rng(0).normal(size=(1, size)).astype(np.float32)

    def call() -> None:
        state = dict(graph.first)
        for _ in range(STEPS):
            _, *after = session.run(None, {"x": x, **state})
            state = dict(zip(state, after, strict=True))

    return call


def row(cell: str, size: int, compilers: list[str]) -> list[str]:
    """Microseconds a step of each, and the ratios."""
    torch.manual_seed(0)
    layer = elman.layer(cell, size, size).eval()
    graph = layer.export_spec().graphs["step"]
    calls = [in_elman(layer, size), in_onnx(graph, size)]
    for int8 in (False, True):
        written = source(graph, "net", int8=int8)
        calls += [in_c(graph, written, each, flags) for each in compilers for flags in LEVELS]
    seconds = interleaved(calls, SECONDS).seconds
    times = [each / STEPS * 1e6 for each in seconds]
    fastest = min(times[2 : 2 + len(compilers) * len(LEVELS)])
    ratios = [f"{times[0] / fastest:.1f}", f"{times[1] / fastest:.1f}"]
    return [*(f"{each:.1f}" for each in times), *ratios]


def bytes_for_cortex_m4(cell: str, size: int, *, int8: bool) -> int:
    torch.manual_seed(0)
    graph = elman.layer(cell, size, size).eval().export_spec().graphs["step"]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in source(graph, "net", int8=int8).files().items():
            (Path(folder) / name).write_bytes(content)
        command = ["arm-none-eabi-gcc", "-std=c99", *CORTEX_M4, "-c", "net.c"]
        subprocess.run(command, cwd=folder, check=True)
        done = subprocess.run(
            ["arm-none-eabi-size", "net.o"], cwd=folder, check=True, capture_output=True, text=True
        )
    return int(done.stdout.splitlines()[1].split()[0])


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    sizes = [int(each) for each in sys.argv[1:]] or [64, 256, 512]
    compilers = [each for each in ("gcc", "clang") if shutil.which(each)]
    kinds = [
        f"{each} {flags[0]}{kind}"
        for kind in ("", " int8")
        for each in compilers
        for flags in LEVELS
    ]
    head = ["step, µs", "elman", "ONNX Runtime", *kinds, "C to elman", "C to ONNX Runtime"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for cell in ("lstm", "gru"):
        for size in sizes:
            print(f"| {cell} {size} | {' | '.join(row(cell, size, compilers))} |", flush=True)
    if shutil.which("arm-none-eabi-gcc"):
        print("\n| Cortex-M4, -Os, bytes | float32 | int8 |\n|---|---|---|")
        for cell in ("lstm", "gru", "mingru"):
            for size in (16, 64):
                both = [bytes_for_cortex_m4(cell, size, int8=int8) for int8 in (False, True)]
                print(f"| {cell} {size} | {both[0]:,} | {both[1]:,} |", flush=True)


if __name__ == "__main__":
    main()
