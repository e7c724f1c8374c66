"""Bootstrap intervals (Efron 1979) of a metric and of the difference between two systems."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from elman.baselines.result import Baseline
from elman.errors import DataError

RESAMPLES = 1000
_AT_ONCE = 2**22  # drawn numbers
_LEAST_DIFFERENT = 6  # a sign test at 5 % cannot tell systems that differ on fewer examples

Floats = NDArray[np.float64]
Winner = Literal["model", "baseline", "undecided"]


@dataclass(frozen=True)
class Comparison:
    """A model beside a baseline on the same examples.

    `difference` is the model's metric less the baseline's; `low` and `high` bound it.
    """

    baseline: str
    metric: str
    model_value: float
    baseline_value: float
    low: float
    high: float
    winner: Winner

    @property
    def difference(self) -> float:
        """The model's metric less the baseline's."""
        return self.model_value - self.baseline_value


def interval(
    scores: Any,
    weights: Any = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of a mean, or of the sum of scores by the sum of weights.

    **Arguments:** `scores` and `weights` (N,) of examples, which are drawn with replacement.

    >>> interval([1.0] * 90 + [0.0] * 10)
    (0.84, 0.96)
    """
    values = _checked(scores, "scores")
    weight = np.ones(len(values)) if weights is None else _checked(weights, "weights")
    if len(weight) != len(values):
        raise DataError(f"{len(values)} scores but {len(weight)} weights")
    found = _resampled(np.stack([values, weight], 1), resamples, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.nanquantile(found[:, 0] / found[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_value(
    differences: Any, weights: Any = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> float:
    """How often chance alone gives a mean difference as far from 0 (Riezler and Maxwell 2005).

    **Arguments:** `differences` and `weights` (N,) of examples, of each the score of one system
    less that of another; the examples are drawn with replacement, and the mean of what is drawn is
    centred on 0. With `weights` the mean is the sum of differences by the sum of weights.

    >>> p_value([0.1] * 50 + [-0.1] * 50), p_value([0.1] * 70 + [-0.1] * 30) < 0.01
    (1.0, True)
    """
    values = _checked(differences, "differences")
    weight = np.ones(len(values)) if weights is None else _checked(weights, "weights")
    if len(weight) != len(values):
        raise DataError(f"{len(values)} differences but {len(weight)} weights")
    actual = values.sum() / weight.sum()
    found = _resampled(np.stack([values, weight], 1), resamples, seed)
    drawn = found[:, 0] / np.where(found[:, 1] > 0, found[:, 1], np.nan) - actual
    far = np.abs(drawn) >= abs(actual) - 1e-12
    return float((far.sum() + 1) / (resamples + 1))


def compare(
    scores: Any,
    baseline: Baseline,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """A model's scores of the same examples beside a baseline's: the paired bootstrap.

    The winner is undecided where the interval of the difference holds 0, or the two differ on
    fewer than six examples.

    >>> from elman.baselines.majority import majority
    >>> common = majority(["a"], ["a", "b"] * 50)
    >>> compare([1.0] * 100, common).winner, compare([0.0, 1.0] * 50, common).winner
    ('model', 'undecided')
    """
    values = _checked(scores, "scores")
    if len(values) != len(baseline.scores):
        raise DataError(
            f"{len(values)} scores of the model but {len(baseline.scores)} of {baseline.name}"
        )
    weights = np.ones(len(values)) if baseline.weights is None else baseline.weights
    total = weights.sum()
    different = values - baseline.scores
    low, high = interval(different, weights, level=level, resamples=resamples, seed=seed)
    winner: Winner = "undecided"
    if np.count_nonzero(different) >= _LEAST_DIFFERENT and (low > 0 or high < 0):
        winner = "model" if (low > 0) == baseline.maximize else "baseline"
    return Comparison(
        baseline.name,
        baseline.metric,
        float(values.sum() / total),
        float(baseline.scores.sum() / total),
        low,
        high,
        winner,
    )


def _checked(values: Any, name: str) -> Floats:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not len(found):
        raise DataError(
            f"{name} must be a list of numbers, at least one, not of shape {found.shape}"
        )
    if not np.isfinite(found).all():
        raise DataError(f"{name} must be finite numbers")
    return found


def _resampled(rows: Floats, resamples: int, seed: int) -> Floats:
    """Sums over N rows drawn with replacement, (resamples, columns)."""
    rng = np.random.default_rng(seed)
    count = len(rows)
    different, counts = np.unique(rows, axis=0, return_counts=True)
    if len(different) * 8 <= count:  # how often each different row is drawn is multinomial
        return rng.multinomial(count, counts / count, size=resamples) @ different
    found, step = [], max(1, _AT_ONCE // count)
    for begin in range(0, resamples, step):
        drawn = rng.integers(count, size=(min(step, resamples - begin), count))
        found.append(rows[drawn].sum(1))
    return np.concatenate(found)
