"""Chunks run at the same time against the sequence as a whole: by size, and of trained models.

    python benchmarks/parallel_time.py [CELL ...]                   # the table over T, B and H
    python benchmarks/parallel_time.py layers
    python benchmarks/parallel_time.py trained [RUN ...] [--seconds 35]

print the tables of docs/parallel-time.md. The first takes the processor time of one thread, which
other work on the machine disturbs less than the clock; `elman bench time` takes the time by the
clock, on as many threads as torch uses.

The second compares layers of one and of both directions on one thread and on two. The third takes
saved models of language (characters), speech (AN4's features) and forecasts, or
trains one of each for so many seconds, and runs their recurrent layers over one real sequence of
8,192 steps: the end of Tiny Shakespeare, utterances of AN4 one after the other, and the hourly oil
temperature of ETTh1, since no series of M4 is so long. One thread is measured by processor time,
two by the clock, where this process may use two processors.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

import elman
from elman.data import read_panel, read_utterances, text_blocks
from elman.tasks import Forecast, Language, Speech

CELLS = ("gru", "lstm")
UNITS = (64, 128, 256, 512)
BATCHES = (1, 2, 4)
STEPS = (1024, 2048, 4096, 8192)
ROWS = 8  # chunks times sequences
TURNS = {"inference": 5, "train": 3}


def seconds(
    runs: Sequence[Callable[[], object]], turns: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Medians of runs that take turns."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(turns + 1):
        for run, own in zip(runs, times, strict=True):
            start = clock()
            run()
            if turn:
                own.append(clock() - start)
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
        whole, chunked = seconds(runs, TURNS[run.__name__])
        yield f"{1e3 * whole:.0f}, {whole / chunked:.2f}"


def over_sizes(cells: Sequence[str]) -> None:
    """Print the table over T, B and H."""
    torch.set_num_threads(1)
    print(f"| cell, H | B | {' | '.join(f'T = {steps}' for steps in STEPS)} |")
    print("|---|---" + "|---" * len(STEPS) + "|")
    for cell in cells or CELLS:
        for units in UNITS:
            for batch in BATCHES:
                found = [" / ".join(measured(cell, steps, batch, units)) for steps in STEPS]
                print(f"| {cell} {units} | {batch} | {' | '.join(found)} |", flush=True)


def characters(task: Any) -> Tensor:
    """The end of Tiny Shakespeare."""
    text = "".join(text_blocks("lm_tinyshakespeare"))[-STEPS[-1] :]
    encoded: Tensor = task.model.encoder(torch.tensor(task.vocabulary.encode(text)).unsqueeze(1))
    return encoded


def utterances(task: Any) -> Tensor:
    """AN4's test utterances one after the other, and some of training."""
    parts = [
        torch.from_numpy(task.front.read(each.features))
        for part in ("test", "train")
        for each in read_utterances(f"sp_an4_mfcc:{part}")
    ]
    encoded: Tensor = task.model.encoder(torch.cat(parts)[: STEPS[-1]].unsqueeze(1))
    return encoded


def temperatures() -> Any:
    """ETTh1's oil temperature as plain steps."""
    values = read_panel("fc_etth1").series[0].y[:, 0].tolist()
    count = len(values)
    return read_panel({"unique_id": ["OT"] * count, "ds": range(count), "y": values})


def hours(task: Any) -> Tensor:
    """ETTh1's oil temperature as a forecaster reads it."""
    (history,) = task.preprocessing.histories(temperatures())
    features = torch.as_tensor(history.features[: STEPS[-1]]).unsqueeze(1)
    return (
        features if task.model.smoothing is None else task.model.smoothing.split(features, None)[0]
    )


READ = {"language": characters, "speech": utterances, "forecast": hours}
SHORT: dict[str, tuple[Any, dict[str, Any], Callable[[], Any]]] = {
    "language": (
        Language,
        {"tokens": "characters", "num_layers": 1, "ngram_model": False},
        lambda: "lm_tinyshakespeare",
    ),
    "speech": (Speech, {}, lambda: "sp_an4_mfcc:train"),
    "forecast": (Forecast, {"horizon": 24}, temperatures),
}


def of_trained(runs: Sequence[str], wait: float) -> None:
    """Print the table of trained models, of saved ones or of those that it trains."""
    ways = head()
    for task in map(elman.load, runs) if runs else briefly_trained(wait):
        x = READ[task.name](task).detach()
        steps = task.record["training"]["steps"]
        name = f"{task.name}, {task.description()}, {steps:,} steps"
        print(row(name, task.model.recurrent, x, ways), flush=True)


def head() -> int:
    """Print a table's head; on how many threads its rows are measured."""
    ways = ["1 thread"]
    if len(os.sched_getaffinity(0)) > 1:
        ways.append("2 threads")
    else:
        print("this process may use one processor alone: two threads are not measured")
    names = " | ".join(f"{way}: inference | {way}: training" for way in ways)
    print(f"| model | T | {names} | error of the output | of the gradients | chunks |")
    print("|---|---" + "|---|---" * len(ways) + "|---|---|---|")
    return len(ways)


def briefly_trained(wait: float) -> Iterator[Any]:
    """A model of each task, trained for so many seconds."""
    for kind, options, data in SHORT.values():
        task = kind(**options, budget=wait, baselines=False, seed=1)
        yield task.fit(data(), progress=False)


def row(name: str, layer: Any, x: Tensor, ways: int) -> str:
    """A line of the table: layers over (T, 1, I)."""
    layer.eval()
    torch.manual_seed(0)
    upstream = torch.randn(len(x), 1, layer.output_size)
    layer.zero_grad()

    def inference(chunks: int) -> Tensor:
        with torch.no_grad():
            output: Tensor = layer(x, chunks=chunks)[0]
            return output

    def train(chunks: int) -> list[Tensor]:
        output = layer(x, chunks=chunks)[0]
        return list(torch.autograd.grad(output, [*layer.parameters()], upstream))

    cells = []
    for threads in range(1, ways + 1):
        torch.set_num_threads(threads)
        clock = time.process_time if threads == 1 else time.perf_counter
        for run in (inference, train):
            runs = [lambda n=n, run=run: run(n) for n in (1, ROWS)]
            whole, chunked = seconds(runs, TURNS[run.__name__], clock)
            cells.append(f"{1e3 * whole:.0f} ms, {whole / chunked:.2f}")
    whole, chunked = inference(1), inference(ROWS)
    error = float((whole - chunked).abs().max() / whole.abs().max())
    pairs = list(zip(train(1), train(ROWS), strict=True))
    largest = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
    report = layer.shooting_report
    said = report.reason or f"warm-up {report.warm_up}, {report.passes} passes"
    text = " | ".join(cells)
    return f"| {name} | {len(x)} | {text} | {error:.1e} | {largest:.1e} | {said} |"


def layers() -> None:
    """Print the table of untrained layers of one direction and of both."""
    ways = head()
    for bidirectional in (False, True):
        for cell, units in (("gru", 256), ("lstm", 256), ("gru", 512)):
            torch.manual_seed(0)
            layer = elman.layer(cell, units, units, bidirectional=bidirectional)
            name = f"{'bidirectional ' * bidirectional}{cell} {units}"
            print(row(name, layer, torch.randn(STEPS[-1], 1, units), ways), flush=True)


def main() -> None:
    if sys.argv[1:] == ["layers"]:
        layers()
        return
    if sys.argv[1:2] != ["trained"]:
        over_sizes(sys.argv[1:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained")
    parser.add_argument("runs", nargs="*", help="folders of saved models")
    parser.add_argument("--seconds", type=float, default=35, help="of each training")
    asked = parser.parse_args()
    of_trained(asked.runs, asked.seconds)


if __name__ == "__main__":
    main()
