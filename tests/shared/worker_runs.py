"""Run as one of several workers: trains a tiny network, and does harm to itself where it is told.

    python worker_runs.py '{"limit": 30, "runs": [{"folder": ..., "events": [...]}]}' [RESUME]

Each event, of the start `start`, is of a rank and a step: "kill", "stop", "hang", "raise", "error"
or "term", in the loss, or with "at" in the "evaluation" or before the "data".
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from elman.data.batching import Chunk
from elman.errors import DataError, ElmanError, SettingsError, WorkerLostError
from elman.train import Step, TrainingInterrupted, TrainSettings, fit
from elman.train.workers import OneProcess, joined, process_group
from elman.train.workers.environment import LOST, restarts

RANK = int(os.environ.get("RANK", "0"))


class Noise:
    """Five chunks an epoch of six streams."""

    def __len__(self) -> int:
        return 5

    def epoch(self, e: int, start: int = 0) -> Iterator[Chunk]:
        for number in range(start, len(self)):
            generator = torch.Generator().manual_seed(100 * e + number)
            x = torch.randint(7, (9, 6), generator=generator)
            yield Chunk(x[:-1], x[1:])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.recur, self.head = nn.Embedding(7, 4), nn.GRU(4, 5), nn.Linear(5, 7)
        self.dropout = nn.Dropout(0.3)


def harm(events: list[dict[str, Any]], at: str, step: int, start: int) -> None:
    for event in [*events]:
        here = (
            event["rank"],
            event.get("step", step),
            event.get("start", 1),
            event.get("at", "loss"),
        )
        if here != (RANK, step, start, at):
            continue
        events.remove(event)
        match event["do"]:
            case "hang":
                time.sleep(100)
            case "error":
                raise DataError("words.txt, line 3: not a word")
            case "raise":
                raise RuntimeError("out of memory")
            case signal_name:
                os.kill(os.getpid(), getattr(signal, f"SIG{signal_name.upper()}"))


def train(
    workers: OneProcess,
    folder: str = "",
    steps: int = 12,
    shards: int | None = 3,
    resume: bool = False,
    events: tuple[dict[str, Any], ...] = (),
    data: tuple[str, ...] = ("the same",),
    **settings: Any,
) -> dict[str, Any]:
    """Train once; gives a hash of the weights, the step and the history."""
    torch.manual_seed(1)
    model, left, start, done = Net(), list(events), 1, 0
    if folder:
        starts = Path(f"{folder}.starts{RANK}")
        with starts.open("a") as file:
            file.write("x")
        start = starts.stat().st_size

    class Counted(Noise):
        def epoch(self, e: int, start: int = 0) -> Iterator[Chunk]:
            nonlocal done
            for number, batch in enumerate(super().epoch(e, start), start):
                done = 5 * e + number + 1
                yield batch

    def loss(model: Net, batch: Chunk, state: Any) -> Step:
        harm(left, "loss", done, start)
        output, state = model.recur(model.dropout(model.embedding(batch.inputs)), state)
        scores = model.head(output) + 0.01 * random.random()
        value = nn.functional.cross_entropy(scores.flatten(0, 1), batch.targets.flatten())
        return Step(value, batch.targets.numel(), state)

    def evaluate(model: Net) -> dict[str, float]:
        harm(left, "evaluation", done, start)
        return {"loss": float(model.head.weight.square().sum())}

    harm(left, "data", 0, start)
    often = {"checkpoint_every": 2, "log_every": 1, "epochs": 40}
    result = fit(
        model,
        Counted(),
        loss,
        settings=TrainSettings(max_steps=steps, shards=shards, **{**often, **settings}),
        folder=folder or None,
        evaluate=evaluate,
        progress=False,
        data=data[RANK % len(data)],
        resume=resume,
        workers=workers,
    )
    weights = b"".join(value.numpy().tobytes() for value in model.state_dict().values())
    sha = hashlib.sha256(weights).hexdigest()
    found = {"sha": sha, "step": result.step, "history": result.history}
    if folder and workers.is_first:
        Path(f"{folder}.result").write_text(json.dumps(found))
    return found


def main(
    runs: list[dict[str, Any]], *, limit: float = 30, answer: float = 5, resume: bool = False
) -> None:
    """Train as asked, once after the other; print what each gives, or the error that all have.

    `answer`: seconds that the others have to answer a roll call.
    """
    process_group._ANSWER = answer
    with joined(limit) as workers:
        for options in runs:
            try:
                print(
                    json.dumps(
                        train(workers, **{**options, **({"resume": True} if resume else {})})
                    )
                )
            except SettingsError as error:
                print(json.dumps(str(error)))


if __name__ == "__main__":
    try:
        asked = json.loads(sys.argv[1])
        main(**asked, resume="True" in sys.argv[2:] or restarts() > 0)
    except WorkerLostError as error:
        print(error, file=sys.stderr)
        sys.exit(LOST)
    except ElmanError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
    except TrainingInterrupted as error:
        print(error, file=sys.stderr)
        sys.exit(128 + error.signum)
