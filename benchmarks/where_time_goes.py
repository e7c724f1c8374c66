"""Where the time of a compiled layer goes: the kernels, the weights' gradients, and all the Python
around them; and what packing all weights takes, which a training step on many rows does.

    python benchmarks/where_time_goes.py

prints the median microseconds of each part, of one step of one sequence, of a training on one step
and of a training on a batch; and of the same by torch.nn.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import elman
from elman.compiler.cpu import scratch, threads
from elman.compiler.cpu.session import Session

CASES = (
    ("step", "rnn", (1, 1, 128, 128)),
    ("step", "gru", (1, 1, 128, 128)),
    ("train", "rnn", (1, 1, 128, 128)),
    ("train", "lstm", (1, 1, 128, 128)),
    ("train", "lstm", (100, 32, 256, 256)),
    ("train", "lstm", (100, 64, 512, 512)),
)
PARTS = {
    "kernels": (threads, "run"),
    "weights' gradients": (Session, "_of_weights"),
}
RIVALS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def main() -> None:
    spent: dict[str, float] = defaultdict(float)
    for name, (owner, attribute) in PARTS.items():
        setattr(owner, attribute, timed(getattr(owner, attribute), spent, name))
    columns = ("T, B, I, H", "elman", *PARTS, "Python and torch's own", "packing", "torch.nn")
    print("| |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for mode, name, shape in CASES:
        layer = elman.layer(name, *shape[2:], backend="compiled")
        rival = RIVALS[name](*shape[2:])
        total, parts = measured(call_of(mode, layer, shape), spent)
        others, _ = measured(call_of(mode, rival, shape), spent)
        rest = total - sum(parts.values())
        figures = (total, *(parts[part] for part in PARTS), rest, packing(layer), others)
        shown = " | ".join(f"{1e6 * figure:,.0f}" for figure in figures)
        print(f"| {name}, {mode} | {', '.join(map(str, shape))} | {shown} |")


def packing(layer: elman.nn.Recurrent) -> float:
    """Median seconds to pack all weights for both passes."""
    kept = layer._prepared._kept
    assert kept is not None
    times = []
    for _ in range(30):
        start = time.perf_counter()
        for each in kept.sources:
            o, pack = each.operands, each.kernel.pack
            scratch.give(pack("input", o.ih, each.size), pack("single", o.ih, each.size))
            scratch.give(pack("forward", o.hh, each.size), pack("single", o.hh, each.size))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def timed(function: Callable[..., Any], spent: dict[str, float], name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = function(*args, **options)
        spent[name] += time.perf_counter() - start
        return result

    return call


def call_of(mode: str, layer: nn.Module, shape: tuple[int, ...]) -> Callable[[], object]:
    x = torch.randn(*shape[:3], requires_grad=mode == "train")
    with torch.no_grad():
        output, state = layer(x)
    upstream = torch.randn_like(output)

    def train() -> None:
        for each in (x, *layer.parameters()):
            each.grad = None
        layer(x)[0].backward(upstream)

    def step() -> None:
        with torch.no_grad():
            if isinstance(layer, elman.nn.Recurrent):
                layer.step(x[0], state)
            else:
                layer(x, state)

    return train if mode == "train" else step


def measured(call: Callable[[], object], spent: dict[str, float]) -> tuple[float, dict[str, float]]:
    """Median seconds of the call and of its parts."""
    totals, parts = [], defaultdict(list)
    end = time.perf_counter() + 2
    for turn in range(2000):
        spent.clear()
        start = time.perf_counter()
        call()
        total = time.perf_counter() - start
        if turn >= 5:
            totals.append(total)
            for part in PARTS:
                parts[part].append(spent[part])
        if turn > 20 and time.perf_counter() > end:
            break
    return statistics.median(totals), {p: statistics.median(parts[p]) for p in PARTS}


if __name__ == "__main__":
    main()
