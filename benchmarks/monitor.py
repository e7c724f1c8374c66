"""What monitor="gradients" costs: of a training step, and of each look.

Steps with and without the hooks take turns, so that whatever else the machine does hits both; the
median counts. Looks are made as often as 1 % of the time allows, or less.

    python benchmarks/monitor.py
"""

import statistics
import time

import torch
from torch import Tensor, nn

import elman
from elman.diagnose.monitor import SHARE, Monitor

SHAPES = (("rnn", 30, 16, 32), ("gru", 100, 16, 64), ("lstm", 64, 32, 128), ("lstm", 300, 32, 64))


def step(
    layer: nn.Module, adam: torch.optim.Optimizer, x: Tensor, monitor: Monitor | None = None
) -> float:
    """Seconds of a step of training: forward, backward, clipping, Adam."""
    start = time.perf_counter()
    adam.zero_grad()
    if monitor is not None:
        monitor.begin()
    layer(x)[0].square().mean().backward()
    nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    adam.step()
    if monitor is not None:
        monitor.look(3, 1.0)  # not a step at which it looks
    return time.perf_counter() - start


def main() -> None:
    print("| cell, T, B, H | step, ms | hooks a step | a look, ms | steps between looks | in all |")
    print("|---|---|---|---|---|---|")
    for cell, steps, batch, hidden in SHAPES:
        torch.manual_seed(0)
        layer = elman.layer(cell, 16, hidden)
        adam = torch.optim.AdamW(layer.parameters(), lr=0.0)
        x = torch.randn(steps, batch, 16)
        idle, eager = Monitor(layer, 10**9), Monitor(layer, 1)
        idle.memory.recent = [1.0] * 50
        bare, hooked, looks = [], [], []
        for _ in range(3):
            step(layer, adam, x)
        for turn in range(300):
            if turn % 2:
                bare.append(step(layer, adam, x))
            with idle.watching:
                hooked.append(step(layer, adam, x, idle))
            if not turn % 2:
                bare.append(step(layer, adam, x))
        with eager.watching:
            for number in range(1, 9):
                step(layer, adam, x)
                start = time.perf_counter()
                eager.look(number, 1.0)
                eager.begin()
                looks.append(time.perf_counter() - start)
        plain, look = statistics.median(bare), statistics.median(looks[1:])
        hooks = statistics.median(hooked) - plain
        between = max(20, look / (SHARE * plain))
        share = hooks / plain + look / (between * plain)
        print(
            f"| {cell}, {steps}, {batch}, {hidden} | {1e3 * plain:.2f} | {hooks / plain:.1%}"
            f" | {1e3 * look:.1f} | {between:.0f} | {share:.1%} |"
        )


if __name__ == "__main__":
    main()
