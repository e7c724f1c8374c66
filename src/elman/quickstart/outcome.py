"""What is said of each of the three models, in the table and on the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elman.tasks import Task

_READABLE = {"lr": "learning rate"}

History = list[dict[str, float]]


@dataclass(frozen=True)
class Outcome:
    """A trained model against what it has to beat, on data that it has not seen.

    **Fields:**

    - `title`, `data`, `verdict`: a line each, for people.
    - `measure`: name of `network` and `baselines`, of which the smaller or the larger is better.
    - `settings`: of the training, short.
    - `history`: an entry an evaluation, as `elman.train.Result` has it.
    """

    title: str
    data: str
    verdict: str
    measure: str
    network: float
    baselines: Mapping[str, float]
    settings: Mapping[str, Any]
    parameters: int
    seconds: float
    history: History


def fit(task: Task, data: Any, validation: Any = None, *, progress: bool) -> History:
    """Fit a task without leaving files; the history of its run."""
    task.fit(data, validation, progress=progress)
    return task.history


def described(settings: Any, *names: str) -> dict[str, Any]:
    """Some of a run's settings by readable names."""
    return {_READABLE.get(n, n.replace("_", " ")): getattr(settings, n) for n in names}
