"""One step and whole sequences against ONNX Runtime; the input's product against torch's; layers
with a projection against `torch.nn`.

    python benchmarks/step.py [steps] [sequences] [products] [projections]

prints, for one thread, medians of the processor's time that calls of both take, which take turns in
one process, so that what else runs on the machine counts as little as it can. A step is given a
state and gives the new one, from tensor to tensor and from array to array.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

import elman
from elman.bench import in_onnx
from elman.bench.workload import check, work
from elman.compiler.cpu import session, weights

CELLS, SIZES = ("lstm", "gru"), (64, 256, 512)
SECONDS = 1.0  # of each comparison
ROWS = ((200, 1), (50, 4), (100, 32))  # T, B


def main(parts: Sequence[str]) -> None:
    torch.set_num_threads(1)
    for part in parts:
        TABLES[part]()
        print()


@torch.inference_mode()
def steps() -> None:
    head("one step, microseconds", "B", "elman", "ONNX Runtime", "ratio")
    for cell in CELLS:
        for size in SIZES:
            for batch in (1, 32):
                layer = elman.layer(cell, size, size).eval()
                x = torch.randn(1, batch, size)
                state = layer(torch.randn(2, batch, size))[1]
                rival, ours = of_onnx(layer, x, state), partial(layer.step, x[0], state)
                agree(rival(), ours())
                row(f"{cell} {size}", batch, *interleaved(ours, rival))


@torch.inference_mode()
def sequences() -> None:
    head("T = 200, microseconds a step", "B", "elman", "ONNX Runtime", "ratio")
    for cell in CELLS:
        for size in SIZES:
            layer = elman.layer(cell, size, size).eval()
            x = torch.randn(200, 1, size)
            state = layer(x)[1]
            rival, ours = of_onnx(layer, x, state), partial(layer, x, state)
            agree(rival(), ours())
            row(f"{cell} {size}", 1, *(each / 200 for each in interleaved(ours, rival)))


@torch.inference_mode()
def products() -> None:
    """The whole layer with the input's product made by the kernel and by torch, and as chosen."""
    head("inference, ms", "T, B", "kernel's product", "torch's product", "ratio", "chosen")
    names = {weights.PACKED: "kernel", weights.PANELS: "kernel", weights.MATMUL: "torch"}
    for cell in ("lstm", "gru", "mingru"):
        for size in (64, 128, 256, 512):
            for steps, batch in ROWS:
                runs = []
                x = torch.randn(steps, batch, size)
                for mode in (weights.PACKED, weights.MATMUL):
                    layer = elman.layer(cell, size, size, backend="compiled").eval()
                    with input_by(mode):
                        layer(x)
                    runs.append(partial(layer, x))
                (source,) = layer._prepared._kept.sources
                chosen = names[weights.modes_of(source, steps, batch, training=False).input]
                own, torchs = (each / 1e3 for each in interleaved(*runs))
                figures = f"{own:.2f} | {torchs:.2f} | {torchs / own:.2f} | {chosen}"
                print(f"| {cell} {size} | {steps}, {batch} | {figures} |", flush=True)


def projections() -> None:
    head("LSTM, T, B, I, H, P; ms", "", "elman", "torch.nn", "ratio")
    for steps, batch, inputs, hidden, size in (
        (100, 1, 64, 128, 64),
        (100, 32, 64, 128, 64),
        (100, 1, 256, 512, 128),
        (50, 32, 256, 512, 256),
    ):
        own = elman.LSTM(inputs, hidden, proj_size=size)
        rival = nn.LSTM(inputs, hidden, proj_size=size)
        x = torch.randn(steps, batch, inputs)
        name = f"{steps}, {batch}, {inputs}, {hidden}, {size}"
        with torch.inference_mode():
            found = interleaved(partial(own, x), partial(rival, x))
        row(name, "inference", *(each / 1e3 for each in found))
        found = interleaved(partial(train, own, x), partial(train, rival, x))
        row(name, "training", *(each / 1e3 for each in found))


def train(layer: nn.Module, x: Tensor) -> None:
    layer(x)[0].sum().backward()


@contextmanager
def input_by(mode: int) -> Any:
    """Sessions made meanwhile have the product with the input made so."""
    choose = session.modes_of
    session.modes_of = lambda *given, **named: choose(*given, **named)._replace(input=mode)
    try:
        yield
    finally:
        session.modes_of = choose


def of_onnx(layer: elman.nn.Recurrent, x: Tensor, state: Any) -> Callable[[], Sequence[Any]]:
    """A session's run to the output and the new states."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    job = work(layer, x, state)
    content = in_onnx.model(job, states=True).SerializeToString()
    run = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run
    names = ["X", *(f"initial_{name}" for name in layer.cell.state)]
    values = [np.ascontiguousarray(each.numpy()) for each in (x, *job.states)]
    return partial(run, None, dict(zip(names, values, strict=True)))


def agree(theirs: Sequence[Any], ours: tuple[Tensor, Any]) -> None:
    output, state = ours
    parts = [output, *(state if isinstance(state, tuple) else (state,))]
    shaped = [array.reshape(part.shape) for array, part in zip(theirs, parts, strict=True)]
    check("ONNX Runtime", shaped, parts)


def head(*columns: str) -> None:
    print("|", " | ".join(columns), "|")
    print("|---" * len(columns) + "|")


def row(name: str, kind: object, ours: float, theirs: float) -> None:
    print(f"| {name} | {kind} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.2f} |", flush=True)


def interleaved(*runs: Callable[[], Any]) -> list[float]:
    """Median microseconds of the processor for a call of each."""
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times[0]) < 10:
        for run, own in zip(runs, times, strict=True):
            run()  # what it reads is in the caches then, as in a loop over time
            for _ in range(10):
                start = time.thread_time()
                run()
                own.append(time.thread_time() - start)
    return [1e6 * statistics.median(each) for each in times]


TABLES = {
    "steps": steps,
    "sequences": sequences,
    "products": products,
    "projections": projections,
}

if __name__ == "__main__":
    main(sys.argv[1:] or list(TABLES))
