"""How fast several workers train on one machine, beside one process with as many threads.

    python benchmarks/workers.py

prints, for language models of several sizes (an embedding, an LSTM, scores of 65 characters; T = 64
steps, batch B), milliseconds a training step of one process with one thread and with two, and of
two workers with one thread each, with 2 and with 8 shards; then how much faster two workers are
than two threads. Every figure is the best of `ROUNDS` runs of `STEPS` steps, the ways taken in
turn, each in processes of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import elman
from elman.data.batching import Chunk
from elman.train import Step, TrainSettings, fit
from elman.train.workers import joined, supervise

SIZES = ((64, 32), (256, 32), (512, 64))  # H, B
WAYS = {  # threads, workers and shards
    "one thread": (1, 1, None),
    "two threads": (2, 1, None),
    "two workers, 2 shards": (1, 2, 2),
    "two workers, 8 shards": (1, 2, 8),
}
T, SYMBOLS, STEPS, ROUNDS = 64, 65, 12, 3


class Characters:
    """Random characters, as many batches as there are steps."""

    def __init__(self, batch: int) -> None:
        self.all = torch.randint(SYMBOLS, (STEPS, T + 1, batch))

    def __len__(self) -> int:
        return STEPS

    def epoch(self, e: int, start: int = 0) -> Iterator[Chunk]:
        del e
        return (Chunk(x[:-1], x[1:]) for x in self.all[start:])


class Model(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.embedding, self.recurrent = nn.Embedding(SYMBOLS, 128), elman.LSTM(128, hidden)
        self.head = nn.Linear(hidden, SYMBOLS)


def loss(model: Model, batch: Chunk, state: Any) -> Step:
    output, state = model.recurrent(model.embedding(batch.inputs), state)
    scores = model.head(output).flatten(0, 1)
    value = nn.functional.cross_entropy(scores, batch.targets.flatten())
    return Step(value, batch.targets.numel(), state)


def train(hidden: int, batch: int, shards: int | None, path: str) -> None:
    """In a worker: time the second of two runs, after which everything is compiled."""
    torch.manual_seed(0)
    with joined(300) as workers:
        settings = TrainSettings(epochs=1, shards=shards, batch_size=batch)
        for _ in range(2):
            data, model = Characters(batch), Model(hidden)
            began = time.perf_counter()
            fit(model, data, loss, settings=settings, progress=False, workers=workers)
        if workers.is_first:
            Path(path).write_text(json.dumps((time.perf_counter() - began) / STEPS))


def measured(hidden: int, batch: int, way: str) -> float:
    """Milliseconds a step."""
    threads, workers, shards = WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seconds"
        words = [sys.executable, __file__, json.dumps([hidden, batch, shards, str(path)])]
        os.environ["OMP_NUM_THREADS"] = str(threads)
        if workers == 1:
            subprocess.run(words, check=True, timeout=600)
        elif status := supervise(lambda _: words, workers, Path(folder), resume=False):
            sys.exit(status)
        return 1000 * float(json.loads(path.read_text()))


def main() -> None:
    processors, load = os.cpu_count() or 1, os.getloadavg()[0]
    if load > processors / 2:
        words = f"this machine is busy (load {load:.1f} on {processors} processors)"
        print(f"{words}: threads that wait for one another suffer most, the ratio is not its own\n")
    print("| H | B | " + " | ".join(WAYS) + " | two workers / two threads |")
    print("|---" * (len(WAYS) + 3) + "|")
    for hidden, batch in SIZES:
        runs = [{way: measured(hidden, batch, way) for way in WAYS} for _ in range(ROUNDS)]
        best = {way: min(run[way] for run in runs) for way in WAYS}
        ratio = best["two threads"] / best["two workers, 2 shards"]
        figures = " | ".join(f"{best[way]:.0f}" for way in WAYS)
        print(f"| {hidden} | {batch} | {figures} | {ratio:.2f} |", flush=True)
    print(
        "\nMilliseconds a step. Below 1 in the last column two workers do not pay on one machine."
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(*json.loads(sys.argv[1]))
    else:
        main()
