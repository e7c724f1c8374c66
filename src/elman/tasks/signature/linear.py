"""Logistic regression of weighted examples with an L2 penalty, by Newton's method."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ITERATIONS = 25
_LEAST_VARIANCE = 1e-6
_MOST_SCORE = 30.0

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linear:
    """Scores of statistics (N, F): weight (F,) and bias of what is standardised by mean and
    deviation, (F,) each."""

    mean: Array
    deviation: Array
    weight: Array
    bias: float

    @classmethod
    def fit(cls, statistics: Array, targets: Array, weights: Array, penalty: float) -> "Linear":
        """Minimise the weighted sum of losses and `penalty / 2` times the squared weights.

        **Arguments:** statistics (N, F), targets (N,) of 0 and 1, weights (N,).

        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> Linear.fit(x, np.array([0.0, 0, 1, 1]), np.ones(4), 0.1).scores(x).round() > 0
        array([False, False,  True,  True])
        """
        mean, deviation = statistics.mean(0), statistics.std(0)
        deviation[deviation < 1e-6] = 1
        inputs = np.column_stack([(statistics - mean) / deviation, np.ones(len(statistics))])
        ridge = np.full(inputs.shape[1], penalty)
        ridge[-1] = _LEAST_VARIANCE
        found = np.zeros(inputs.shape[1])
        for _ in range(_ITERATIONS):
            likely = 1 / (1 + np.exp(-np.clip(inputs @ found, -_MOST_SCORE, _MOST_SCORE)))
            gradient = inputs.T @ (weights * (likely - targets)) + ridge * found
            variance = weights * np.maximum(likely * (1 - likely), _LEAST_VARIANCE)
            curvature = (inputs * variance[:, None]).T @ inputs + np.diag(ridge)
            step = np.linalg.solve(curvature, gradient)
            found -= step * min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        return cls(mean, deviation, found[:-1], float(found[-1]))

    def scores(self, statistics: Array) -> Array:
        """Logits, (N,)."""
        found: Array = ((statistics - self.mean) / self.deviation) @ self.weight + self.bias
        return found
