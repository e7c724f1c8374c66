"""What monitor="gradients" costs: of an ordinary training step, and of one at which it looks.

Ten steps with a monitor and ten without take turns, so that whatever else the machine does hits
both; the median counts. It looks as often as 1 % of the time allows, or less.

    python benchmarks/monitor.py
"""

import statistics
import time
from contextlib import nullcontext

import torch
from torch import Tensor, nn

import elman
from elman.diagnose.monitor import SELDOM, SHARE, Monitor

SHAPES = (("rnn", 30, 16, 32), ("gru", 100, 16, 64), ("lstm", 64, 32, 128), ("lstm", 300, 32, 64))


def step(
    layer: nn.Module,
    adam: torch.optim.Optimizer,
    x: Tensor,
    monitor: Monitor | None = None,
    number: int = 3,  # not one at which it looks by itself
) -> float:
    """Seconds of a step of training: forward, backward, clipping, Adam."""

    def loss() -> Tensor:
        return layer(x)[0].square().mean()

    start = time.perf_counter()
    adam.zero_grad()
    with nullcontext() if monitor is None else monitor.step(number):
        loss().backward()
    if monitor is not None:
        monitor.look(number, 1.0, nullcontext(loss))
    nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    adam.step()
    return time.perf_counter() - start


def main() -> None:
    print("| cell, T, B, H | step, ms | watching | a look, ms | steps between looks | in all |")
    print("|---|---|---|---|---|---|")
    for cell, steps, batch, hidden in SHAPES:
        torch.manual_seed(0)
        layer = elman.layer(cell, 16, hidden)
        adam = torch.optim.AdamW(layer.parameters(), lr=0.0)
        x = torch.randn(steps, batch, 16)
        idle, eager = Monitor(layer, 10**9), Monitor(layer, 1)
        idle.memory.recent = [1.0] * 50
        bare, watched = [], []
        for _ in range(40):
            bare += [step(layer, adam, x) for _ in range(10)]
            watched += [step(layer, adam, x, idle) for _ in range(10)]
        looking = [step(layer, adam, x, eager) for _ in range(9)][1:]
        plain = statistics.median(bare)
        watching, look = statistics.median(watched) - plain, statistics.median(looking) - plain
        between = max(SELDOM, look / (SHARE * plain))
        share = watching / plain + look / (between * plain)
        print(
            f"| {cell}, {steps}, {batch}, {hidden} | {1e3 * plain:.2f} | {watching / plain:.1%}"
            f" | {1e3 * look:.1f} | {between:.0f} | {share:.1%} |"
        )


if __name__ == "__main__":
    main()
