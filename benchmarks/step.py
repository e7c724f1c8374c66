"""One step and whole sequences against ONNX Runtime, and the input's product against torch's.

    python benchmarks/step.py [steps] [sequences] [products]

prints, for one thread, medians of the processor's time for calls of both that take turns in one
process, so that what else runs on the machine counts as little as it can. A step takes a state and
gives the new one, from tensor to tensor and from array to array.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
import torch

import elman
from elman.bench import in_onnx
from elman.bench.workload import check, work

SIZES = (64, 256, 512)
SECONDS = 1.5  # of each comparison


def main(parts: Sequence[str]) -> None:
    torch.set_num_threads(1)
    with torch.inference_mode():
        if "steps" in parts:
            steps()
        if "sequences" in parts:
            sequences()
        if "products" in parts:
            products()


def steps() -> None:
    print("| step, microseconds | B | elman | ONNX Runtime | ratio |\n|---|---|---|---|---|")
    for cell in ("lstm", "gru"):
        for size in SIZES:
            for batch in (1, 32):
                layer = elman.layer(cell, size, size).eval()
                x = torch.randn(1, batch, size)
                state = layer(torch.randn(2, batch, size))[1]
                rival = of_onnx(layer, x, state)
                ours = [output.numpy() for output in flat(layer.step(x[0], state))]
                check(
                    "ONNX Runtime",
                    [each.reshape(ours[0].shape) for each in rival()],
                    [each.reshape(ours[0].shape) for each in ours],
                )
                row(f"{cell} {size}", batch, lambda: layer.step(x[0], state), rival, 1)


def sequences() -> None:
    print(
        "| T = 200, microseconds a step | B | elman | ONNX Runtime | ratio |\n|---|---|---|---|---|"
    )
    for cell in ("lstm", "gru"):
        for size in SIZES:
            layer = elman.layer(cell, size, size).eval()
            x = torch.randn(200, 1, size)
            state = layer(x)[1]
            row(f"{cell} {size}", 1, lambda: layer(x, state), of_onnx(layer, x, state), 200)


def flat(result: tuple[Any, Any]) -> list[Any]:
    output, state = result
    return [output, *(state if isinstance(state, tuple) else (state,))]


def of_onnx(layer: elman.nn.Recurrent, x: torch.Tensor, state: Any) -> Callable[[], Sequence[Any]]:
    """A session's run to the output and the new states."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    job = work(layer, x, state)
    session = onnxruntime.InferenceSession(
        in_onnx.model(job, states=True).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    names = ["X", *(f"initial_{name}" for name in layer.cell.state)]
    values = [np.ascontiguousarray(each.numpy()) for each in (x, *job.states)]
    given = dict(zip(names, values, strict=True))
    return lambda: session.run(None, given)


def row(
    name: str, batch: int, ours: Callable[[], Any], theirs: Callable[[], Any], steps: int
) -> None:
    mine, rival = (1e6 * each / steps for each in interleaved(ours, theirs))
    print(f"| {name} | {batch} | {mine:.1f} | {rival:.1f} | {rival / mine:.2f} |", flush=True)


def interleaved(*runs: Callable[[], Any]) -> list[float]:
    """Median seconds of the processor for a call of each."""
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times[0]) < 10:
        for run, own in zip(runs, times, strict=True):
            run()  # in the caches, as in a loop over time
            for _ in range(10):
                start = time.thread_time()
                run()
                own.append(time.thread_time() - start)
    return [statistics.median(each) for each in times]


def products() -> None:
    pass


if __name__ == "__main__":
    main(sys.argv[1:] or ["steps", "sequences", "products"])
