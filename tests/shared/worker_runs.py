"""Run as one of several workers: trains a tiny network, and does harm to itself where it is told.

    python worker_runs.py '{"folder": ..., "steps": 12, "events": [...]}' [RESUME]

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
from elman.errors import DataError, ElmanError, WorkerLostError
from elman.train import Step, TrainingInterrupted, TrainSettings, fit
from elman.train.workers import joined
from elman.train.workers.supervisor import LOST

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


def main(
    folder: str = "",
    steps: int = 12,
    shards: int | None = 3,
    limit: float = 30,
    resume: bool = False,
    events: tuple[dict[str, Any], ...] = (),
    data: tuple[str, ...] = ("the same",),
    **settings: Any,
) -> None:
    torch.manual_seed(1)
    model, path = Net(), Path(folder)
    if folder:
        starts = Path(f"{folder}.starts{RANK}")
        with starts.open("a") as file:
            file.write("x")
        start = starts.stat().st_size
    else:
        start = 1
    events_here = list(events)
    done = [0]

    def loss(model: Net, batch: Chunk, state: Any) -> Step:
        harm(events_here, "loss", done[0], start)
        output, state = model.recur(model.dropout(model.embedding(batch.inputs)), state)
        scores = model.head(output) + 0.01 * random.random()
        value = nn.functional.cross_entropy(scores.flatten(0, 1), batch.targets.flatten())
        return Step(value, batch.targets.numel(), state)

    def evaluate(model: Net) -> dict[str, float]:
        harm(events_here, "evaluation", done[0], start)
        return {"loss": float(model.head.weight.square().sum())}

    class Counting(Noise):
        def epoch(self, e: int, start: int = 0) -> Iterator[Chunk]:
            for number, batch in enumerate(super().epoch(e, start), start):
                done[0] = 5 * e + number + 1
                yield batch

    with joined(limit) as workers:
        harm(events_here, "data", 0, start)
        result = fit(
            model,
            Counting(),
            loss,
            settings=TrainSettings(
                max_steps=steps,
                shards=shards,
                checkpoint_every=2,
                log_every=1,
                epochs=40,
                **settings,
            ),
            folder=path if folder else None,
            evaluate=evaluate,
            progress=False,
            data=data[RANK % len(data)],
            resume=resume,
            workers=workers,
        )
        weights = b"".join(value.numpy().tobytes() for value in model.state_dict().values())
        found = {"sha": hashlib.sha256(weights).hexdigest(), "step": result.step}
        text = json.dumps({**found, "history": result.history})
        if folder and workers.is_first:
            Path(f"{folder}.result").write_text(text)
        print(text)


if __name__ == "__main__":
    try:
        main(**json.loads(sys.argv[1]), **({"resume": True} if "True" in sys.argv[2:] else {}))
    except WorkerLostError as error:
        print(error, file=sys.stderr)
        sys.exit(LOST)
    except ElmanError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
    except TrainingInterrupted as error:
        print(error, file=sys.stderr)
        sys.exit(128 + error.signum)
