"""Layers on a CUDA GPU: the compiled kernels beside cuDNN, and beside the equations step by step.

Rivals take turns, timed by CUDA's events; the median counts. `train` is forward and backward to the
gradients of x and of every weight. cuDNN is timed with tf32, its default in torch, and in float32;
the compiled kernels multiply in three parts of tf32, about as exactly as float32.

    python benchmarks/gpu.py
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

import elman
from elman.bench.workload import of_module, work
from elman.math import sigmoid, tanh

SHAPES = ((100, 32, 64, 64), (100, 64, 128, 128), (100, 64, 256, 256), (400, 16, 512, 512))
SHAPES = (*SHAPES, (100, 64, 512, 512), (100, 1, 256, 256))  # T, B, inputs, H


class Highway(elman.Cell):
    """A user's: a recurrent highway."""

    gates = ("h", "t")
    params = {"u": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        t = sigmoid(x.t + r.t)
        return {"h": t * tanh(x.h + r.h) + (1 - t) * p.u * s.h}


def milliseconds(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The median of each, in turns."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + 3):
        for call, own in zip(calls, times, strict=True):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            begin.record()
            call()
            end.record()
            end.synchronize()
            if turn >= 3:
                own.append(begin.elapsed_time(end))
    return [statistics.median(own) for own in times]


def with_tf32(call: Callable[[], object], allowed: bool) -> Callable[[], object]:
    """The call with cuDNN so set."""

    def run() -> object:
        torch.backends.cudnn.allow_tf32 = allowed
        return call()

    return run


def beside_cudnn() -> None:
    print("\n| cell | T, B, I, H | | compiled, ms | cuDNN tf32, ms | x | cuDNN float32, ms | x |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("lstm", "gru", "rnn"):
        for T, B, features, H in SHAPES:
            ours = elman.layer(name, features, H, backend="compiled").cuda()
            torchs: Any = getattr(nn, name.upper())(features, H).cuda()
            torchs.load_state_dict(ours.state_dict())
            x = torch.randn(T, B, features, device="cuda")
            for mode in ("inference", "train"):
                job = work(ours, x, gradients=mode == "train")
                own, rival = (of_module(each, job) for each in (ours, torchs))
                found = milliseconds([own, with_tf32(rival, True), with_tf32(rival, False)], 15)
                assert ours.backend_used == "compiled"
                figures = f"{found[0]:.2f} | " + " | ".join(
                    f"{each:.2f} | {each / found[0]:.2f}" for each in found[1:]
                )
                print(f"| {name} | {T}, {B}, {features}, {H} | {mode} | {figures} |", flush=True)


def beside_the_loop() -> None:
    print("\n| cell | T, B, I, H | | compiled, ms | step by step, ms | x |")
    print("|---|---|---|---|---|---|")
    cells: tuple[tuple[str, Any], ...] = (
        ("peephole_lstm", "peephole_lstm"),
        ("mgu", "mgu"),
        ("indrnn", "indrnn"),
        ("a user's", Highway),
    )
    for name, cell in cells:
        for T, B, features, H in ((100, 32, 128, 128), (100, 64, 512, 512)):
            layers = [
                elman.layer(cell, features, H, backend=backend).cuda()
                for backend in ("compiled", "reference")
            ]
            x = torch.randn(T, B, features, device="cuda")
            for mode in ("inference", "train"):
                job = work(layers[0], x, gradients=mode == "train")
                ours, loop = milliseconds([of_module(layer, job) for layer in layers], 7)
                assert layers[0].backend_used == "compiled"
                figures = f"{ours:.2f} | {loop:.2f} | {loop / ours:.1f}"
                print(f"| {name} | {T}, {B}, {features}, {H} | {mode} | {figures} |", flush=True)


if __name__ == "__main__":
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    beside_cudnn()
    beside_the_loop()
