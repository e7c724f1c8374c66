"""Convolutional layers beside the usual loop in torch: one training step each, in turns.

The loop is the common form of ConvLSTM and ConvGRU in PyTorch: the input and the hidden state of a
step are concatenated, convolved once (the GRU's candidate a second time, of the reset state), cut
into gates and put through sigmoid and tanh. A step is forward and backward to the gradients of all
weights; the median of the ratios counts, since other programs may slow some rounds down.

    python benchmarks/conv.py --cell lstm gru --threads 1 2
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

import elman


class LoopLSTM(nn.Module):
    """ConvLSTM, step by step."""

    def __init__(self, channels: int, hidden: int, size: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.conv = nn.Conv2d(channels + hidden, 4 * hidden, size, padding=size // 2)

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(x.shape[1], self.hidden, *x.shape[3:])
        outputs = []
        for x_t in x:
            i, f, o, g = self.conv(torch.cat([x_t, h], 1)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs)


class LoopGRU(nn.Module):
    """ConvGRU, step by step."""

    def __init__(self, channels: int, hidden: int, size: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(channels + hidden, 2 * hidden, size, padding=size // 2)
        self.candidate = nn.Conv2d(channels + hidden, hidden, size, padding=size // 2)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[1], self.hidden, *x.shape[3:])
        outputs = []
        for x_t in x:
            r, z = torch.sigmoid(self.gates(torch.cat([x_t, h], 1))).chunk(2, 1)
            n = torch.tanh(self.candidate(torch.cat([x_t, r * h], 1)))
            h = (1 - z) * h + z * n
            outputs.append(h)
        return torch.stack(outputs)


LOOPS = {"lstm": LoopLSTM, "gru": LoopGRU}


def training_step(model: nn.Module, x: Tensor) -> None:
    result = model(x)
    output = result[0] if isinstance(result, tuple) else result
    torch.autograd.grad(output.square().mean(), list(model.parameters()))


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cell", nargs="+", default=["lstm", "gru"], choices=sorted(LOOPS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--shape", nargs=5, type=int, default=[10, 8, 32, 32, 32], metavar="N",
                        help="T, B, channels, height, width")  # fmt: skip
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--kernel-size", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    x = torch.randn(*given.shape)
    print("| cell | threads | loop, ms | elman, ms | ratio |\n|---|---|---|---|---|")
    for cell in given.cell:
        loop = LOOPS[cell](given.shape[2], given.hidden, given.kernel_size)
        layer = elman.conv_layer(cell, given.shape[2], given.hidden, given.kernel_size)
        calls = [
            partial(training_step, loop, x),
            partial(training_step, layer, x),
        ]
        for threads in given.threads:
            torch.set_num_threads(threads)
            for call in calls:
                call()
            times = [[seconds(call) for call in calls] for _ in range(given.rounds)]
            medians = [1e3 * statistics.median(each) for each in zip(*times, strict=True)]
            ratio = statistics.median(theirs / ours for theirs, ours in times)
            numbers = f"{medians[0]:.0f} | {medians[1]:.0f} | {ratio:.2f}"
            print(f"| {cell} | {threads} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
