"""What evaluating a verifier of signatures gives."""

from dataclasses import dataclass

from elman.tasks.prediction import Evaluation
from elman.tasks.signature.metrics import Scores


@dataclass(frozen=True)
class Report(Evaluation):
    """Metrics and scores, and those of dynamic time warping on the same comparisons.

    `persons`: the names that `scores.person` numbers.
    """

    scores: Scores
    persons: list[str]
    warping: dict[str, float]
    warping_scores: Scores
