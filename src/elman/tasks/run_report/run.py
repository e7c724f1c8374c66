"""What the sections of a run's report are made from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.train.log import METRICS

if TYPE_CHECKING:
    from elman.tasks.task import Task

# Makes the pieces of HTML of one section, from `elman.html`; none where there is nothing to show.
Maker = Callable[[], Sequence[str]]


@dataclass(frozen=True)
class Own:
    """A task's part of the report.

    - `sections`: by title what makes each, in their order.
    - `advice`: makes sentences on what to try next.
    """

    sections: Mapping[str, Maker] = field(default_factory=dict)
    advice: Callable[[], Sequence[str]] = list


@dataclass(frozen=True)
class Run:
    """A run that has ended: the trained `task`, its data and the `folder` it is saved in.

    `stopped_because`, `best_step` and so on stand in `task.record["training"]`.
    """

    task: "Task"
    train: Any
    held_out: Any
    folder: Path

    @property
    def metric(self) -> str:
        """The metric that chose the weights."""
        return self.task.objective.name

    def evaluations(self, name: str) -> tuple[list[int], list[float]]:
        """Steps and values of a metric, where it was measured."""
        found = [entry for entry in self.task.history if entry.get(name) is not None]
        return [int(entry["step"]) for entry in found], [float(entry[name]) for entry in found]

    def logged(self, name: str) -> tuple[list[int], list[float]]:
        """Steps and values of what `metrics.jsonl` holds of training: "loss", "lr", "norm"."""
        steps, values = [], []
        path = self.folder / METRICS
        for text in path.read_text("utf-8").splitlines() if path.exists() else ():
            line = json.loads(text)
            if line.get("kind") == "train" and line.get(name) is not None:
                steps.append(int(line["step"]))
                values.append(float(line[name]))
        return steps, values
