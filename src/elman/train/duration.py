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
_LONGEST = 5.0  # seconds


class _First:
    """The first batches of the first epoch, kept."""

    def __init__(self, batches: Batches[Any]) -> None:
        self.kept = list(islice(batches.epoch(0), 1 + _TRIED))

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
    first = _First(batches)
    marks: list[float] = []

    def timed(model: Any, batch: Any, state: Any) -> Step:
        marks.append(time.monotonic())
        return loss(model, batch, state)

    update = {"epochs": 1, "max_steps": None, "budget": None, "tensorboard": False}
    brief = settings.model_copy(update={**update, "patience": None, "schedule": "constant"})
    fit(deepcopy(model), first, timed, settings=brief, progress=False)
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
