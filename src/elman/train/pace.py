"""How far a run is: by its steps, or by the time that it may take."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOOKS = 20  # evaluations of a run whose length a budget decides
MOST_FOR_EVALUATION = 0.15  # share of the time, but for the last
MOST_ROUNDS = 10
_GAIN = 0.01  # in the last quarter of a run, for which it is worth going on


def still_improves(values: Sequence[float]) -> bool:
    """Whether the last quarter of a run's evaluations, lower ones better, gained 1 % or more.

    >>> still_improves([4.0, 2.0, 1.5, 1.2]), still_improves([4.0, 1.2, 1.3, 1.2])
    (True, False)
    """
    values = [value for value in values if math.isfinite(value)]
    if len(values) < 4:
        return False
    cut = 3 * len(values) // 4
    before, after = min(values[:cut]), min(values[cut:])
    return before - after >= _GAIN * abs(before) > 0


def run_improves(
    history: Sequence[Mapping[str, float]], metric: str | None, *, maximize: bool | None
) -> bool:
    """Whether a run's evaluations still improve: their loss or, without one, `metric`.

    >>> run_improves([{"accuracy": a / 10} for a in (5, 6, 7, 8)], "accuracy", maximize=True)
    True
    """
    if not history:
        return False
    if "loss" in history[-1]:
        metric, maximize = "loss", False
    sign = -1 if maximize else 1
    return still_improves([sign * entry[metric or ""] for entry in history])


@dataclass
class Pace:
    """Where in its plan a run stands, in steps.

    Without a budget that is the number of steps done. With one, seconds of the whole run, time
    counts as well: after half of it the run is half through, whatever the steps. The learning
    rate follows, so that it has come down when the time is over.

    `reserve`: seconds kept for what follows the last step, an evaluation or two.

    >>> pace = Pace(total=1000, budget=60.0, reserve=10.0)
    >>> pace.position(100, seconds=2.0), pace.position(100, seconds=25.0)
    (100.0, 500.0)
    """

    total: int
    budget: float | None
    reserve: float = 0.0
    evaluating: float = 0.0  # seconds, by this process

    def position(self, step: int, seconds: float) -> float:
        """Steps of the plan that are behind after `seconds`."""
        if self.budget is None:
            return float(step)
        share = seconds / max(self.budget - self.reserve, 1e-9)
        return max(float(step), self.total * min(1.0, share))

    def has_time(self, seconds: float) -> bool:
        """Whether a quarter of the budget is left."""
        return self.budget is not None and seconds < 0.75 * (self.budget - self.reserve)

    def evaluated(self, took: float) -> None:
        """An evaluation took so many seconds; two more follow the last step."""
        self.evaluating += took
        if self.budget is not None:
            self.reserve = min(2 * took, self.budget / 2)

    def is_due(self, before: float, now: float, seconds: float) -> bool:
        """Whether a run of a budget is to be evaluated between two positions."""
        passed = int(LOOKS * now / self.total) > int(LOOKS * before / self.total)
        return passed and self.evaluating <= MOST_FOR_EVALUATION * seconds
