"""Chunks run at the same time against the sequence as a whole, over T, B and H.

Prints the table of docs/parallel-time.md, in processor time of one thread, which other work on the
machine disturbs less than the clock: `python benchmarks/parallel_time.py [CELL ...]`. `elman bench
time` takes the time by the clock, on as many threads as torch uses.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import torch

import elman

CELLS = ("gru", "lstm")
UNITS = (64, 128, 256, 512)
BATCHES = (1, 2, 4)
STEPS = (1024, 2048, 4096, 8192)
ROWS = 8  # chunks times sequences
TURNS = {"inference": 5, "train": 3}


def processor_seconds(runs: Sequence[Callable[[], object]], turns: int) -> list[float]:
    """Medians of runs that take turns."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(turns + 1):
        for run, own in zip(runs, times, strict=True):
            start = time.process_time()
            run()
            if turn:
                own.append(time.process_time() - start)
    return [statistics.median(own) for own in times]


def measured(cell: str, steps: int, batch: int, units: int) -> Iterator[str]:
    """Of each mode the whole's milliseconds and how many times faster the chunks are."""
    torch.manual_seed(0)
    layer = elman.layer(cell, units, units)
    x, upstream = torch.randn(steps, batch, units), torch.randn(steps, batch, units)

    def inference(chunks: int) -> None:
        with torch.no_grad():
            layer(x, chunks=chunks)

    def train(chunks: int) -> None:
        layer(x, chunks=chunks)[0].backward(upstream)

    for run in (inference, train):
        runs = [lambda n=n, run=run: run(n) for n in (1, ROWS // batch)]
        whole, chunked = processor_seconds(runs, TURNS[run.__name__])
        yield f"{1e3 * whole:.0f}, {whole / chunked:.2f}"


def main() -> None:
    torch.set_num_threads(1)
    print(f"| cell, H | B | {' | '.join(f'T = {steps}' for steps in STEPS)} |")
    print("|---|---" + "|---" * len(STEPS) + "|")
    for cell in sys.argv[1:] or CELLS:
        for units in UNITS:
            for batch in BATCHES:
                found = [" / ".join(measured(cell, steps, batch, units)) for steps in STEPS]
                print(f"| {cell} {units} | {batch} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    main()
