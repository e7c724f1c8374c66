"""How long a step of training takes on this machine, tried on a copy of the model, and memory."""

import sys
import time
from collections.abc import Callable
from copy import deepcopy
from itertools import islice
from typing import Any

from elman.train.loop import fit
from elman.train.settings import TrainSettings
from elman.train.types import Batches, Step

_TRIED = 4  # batches after the first, which compiles


class _Some:
    """The first batch of the first epoch and some from all over it, as lengths may be in order."""

    def __init__(self, batches: Batches[Any]) -> None:
        count = len(batches)
        tried = min(_TRIED, count - 1)
        places = [0, *(int((i + 0.5) * count / tried) for i in range(tried))]
        self.kept = [each for at in places for each in islice(batches.epoch(0, start=at), 1)]

    def __len__(self) -> int:
        return len(self.kept)

    def epoch(self, e: int, start: int = 0) -> Any:
        del e
        return iter(self.kept[start:])


def seconds_a_step(
    model: Any,
    batches: Batches[Any],
    loss: Callable[[Any, Any, Any], Step],
    settings: TrainSettings,
) -> float:
    """The mean time of a few steps of `fit`; the model and its random numbers stay as they are."""
    some = _Some(batches)
    marks: list[float] = []

    def timed(model: Any, batch: Any, state: Any) -> Step:
        marks.append(time.monotonic())
        return loss(model, batch, state)

    update = {"epochs": 1, "max_steps": None, "budget": None, "tensorboard": False}
    brief = settings.model_copy(update={**update, "patience": None, "schedule": "constant"})
    fit(deepcopy(model), some, timed, settings=brief, progress=False)
    marks.append(time.monotonic())
    steps = marks[1:] if len(marks) > 2 else marks
    return (steps[-1] - steps[0]) / (len(steps) - 1)


def peak_memory() -> int | None:
    """The most bytes that this process has held so far; None where the system does not say.

    >>> peak_memory() != 0
    True
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
