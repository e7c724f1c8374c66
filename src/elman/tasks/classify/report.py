"""What evaluating a classifier gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.tasks.prediction import Evaluation


@dataclass(frozen=True)
class Report(Evaluation):
    """How a classifier does: metrics, and a table of true (rows) against predicted labels.

    `confusion` counts, (C, C) int64 in the order of `labels`; None with several labels each.
    """

    labels: list[str]
    confusion: NDArray[np.int64] | None
