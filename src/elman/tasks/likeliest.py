"""The most likely of several labels, and those after it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.tasks.prediction import Prediction


def likeliest(probabilities: NDArray[np.float32], labels: Sequence[str], n: int) -> Prediction:
    """The most likely label with its `probability`; with `n` above 1 the `others` after it.

    >>> likeliest(np.array([0.25, 0.75], np.float32), ["a", "b"], 2).details
    {'probability': 0.75, 'others': (('a', 0.25),)}
    """
    order = np.argsort(-probabilities, kind="stable")[:n]
    best, *others = [(labels[i], round(float(probabilities[i]), 4)) for i in order]
    details: dict[str, Any] = {"probability": best[1]}
    if n > 1:
        details["others"] = tuple(others)
    return Prediction(best[0], details=details)
