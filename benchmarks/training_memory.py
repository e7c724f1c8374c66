"""How much memory training holds: the compiled layers beside torch.nn's, and whether it grows.

    python benchmarks/training_memory.py

prints, for each cell and shape (T, B, I, H), megabytes of elman / torch.nn (their ratio):

- kept: what is allocated by the forward pass and still there after it, that is the output and
  what the backward pass needs, as torch's allocator counts it;
- peak: the most resident memory at any time of a forward and a backward pass to all gradients,
  above what was resident before. The kernel counts it, so it has what torch's allocator does not
  see, too. It includes the gradients, which are the same for both.

Each figure comes from a process of its own, in which a small pass has loaded all code before. Then
come resident megabytes after 2,000 and after 10,000 training steps of mixed shapes. On Linux only.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import elman

Shape = tuple[int, int, int, int]
CELLS = ("lstm", "gru", "rnn")
SHAPES: tuple[Shape, ...] = (
    (100, 32, 64, 64),
    (100, 32, 256, 256),
    (100, 64, 512, 512),
    (500, 16, 128, 128),
)
STEPS = (2_000, 10_000)
MIXED = ((20, 8), (7, 3), (33, 5), (1, 16), (12, 1))  # T, B
_TWINS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Memory(NamedTuple):
    """Bytes that a forward pass leaves, and at most in a forward and a backward pass."""

    kept: int
    peak: int


def make(who: str, cell: str, features: int, hidden: int) -> nn.Module:
    if who == "torch.nn":
        return _TWINS[cell](features, hidden)
    return elman.layer(cell, features, hidden, backend="compiled")


def train(module: nn.Module, x: Tensor, upstream: Tensor) -> None:
    module(x)[0].backward(upstream)
    module.zero_grad()
    x.grad = None


def inputs(shape: Shape) -> tuple[Tensor, Tensor]:
    steps, batch, features, hidden = shape
    return torch.randn(steps, batch, features, requires_grad=True), torch.randn(
        steps, batch, hidden
    )


def kept(who: str, cell: str, shape: Shape) -> int:
    """Bytes allocated and not freed by a forward pass, its output among them; not what a layer
    keeps from its first pass on, packed weights."""
    module = make(who, cell, *shape[2:])
    train(module, *inputs((32, 1, *shape[2:])))
    x, _ = inputs(shape)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        output = module(x)[0]
    assert output.requires_grad
    return sum(event.self_cpu_memory_usage for event in found.events())


def peak(who: str, cell: str, shape: Shape) -> int:
    """Most bytes resident in a forward and a backward pass, above those before."""
    module = make(who, cell, *shape[2:])
    train(module, *inputs((2, 1, *shape[2:])))
    x, upstream = inputs(shape)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # has VmHWM begin anew
    train(module, x, upstream)
    return _status("VmHWM") - before


def growth(steps: tuple[int, ...] = STEPS) -> dict[int, int]:
    """Resident bytes after so many training steps of all cells with mixed shapes."""
    modules = [elman.layer(cell, 16, 32) for cell in CELLS]
    optimizers = [torch.optim.SGD(module.parameters(), lr=1e-3) for module in modules]
    found = {}
    for step in range(1, max(steps) + 1):
        at = step % len(modules)
        length, batch = MIXED[step // len(modules) % len(MIXED)]
        output, _ = modules[at](torch.randn(length, batch, 16))
        optimizers[at].zero_grad()
        output.square().mean().backward()
        optimizers[at].step()
        if step in steps:
            found[step] = _status("VmRSS")
    return found


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def in_a_process(function: str, *arguments: object) -> object:
    """What a function of this module returns in a process of its own."""
    command = [sys.executable, __file__, function, json.dumps(arguments)]
    quiet = {**os.environ, "KINETO_LOG_LEVEL": "99"}  # the profiler's notes
    done = subprocess.run(command, env=quiet, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure(who: str, cell: str, shape: Shape) -> Memory:
    return Memory(*(in_a_process(each, who, cell, shape) for each in ("kept", "peak")))


def main() -> None:
    print("| T, B, I, H |", " | ".join(f"{c}: kept | {c}: peak" for c in CELLS), "|")
    print("|---|" + "---|" * 2 * len(CELLS))
    for shape in SHAPES:
        texts = []
        for cell in CELLS:
            ours, theirs = (measure(who, cell, shape) for who in ("elman", "torch.nn"))
            texts += [
                f"{a / 1e6:.1f} / {b / 1e6:.1f} ({a / b:.2f})"
                for a, b in zip(ours, theirs, strict=True)
            ]
        print(f"| {', '.join(map(str, shape))} |", " | ".join(texts), "|", flush=True)
    for step, size in dict(in_a_process("growth")).items():
        print(f"after {int(step):,} training steps of mixed shapes: {size / 1e6:.1f} MB resident")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(globals()[sys.argv[1]](*json.loads(sys.argv[2]))))
    else:
        main()
