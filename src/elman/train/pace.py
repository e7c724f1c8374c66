"""How far a run is: by its steps, or by the time that it may take."""

from dataclasses import dataclass

LOOKS = 20  # evaluations of a run whose length a budget decides
MOST_FOR_EVALUATION = 0.15  # share of the time, but for the last


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

    def evaluated(self, took: float) -> None:
        """An evaluation took so many seconds; two more follow the last step."""
        self.evaluating += took
        if self.budget is not None:
            self.reserve = min(2 * took, self.budget / 2)

    def is_due(self, before: float, now: float, seconds: float) -> bool:
        """Whether a run of a budget is to be evaluated between two positions."""
        passed = int(LOOKS * now / self.total) > int(LOOKS * before / self.total)
        return passed and self.evaluating <= MOST_FOR_EVALUATION * seconds
