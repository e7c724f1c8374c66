"""What simple rules say of the next step, and how far off they have been."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MOST = 18.0  # of a power's logarithm


def rules_after(filled: Array, mean: Array, now: Any, seasons: tuple[int, ...]) -> Array:
    """After steps `now`, (T,): the last value, the mean, and the value of the same step in each
    last season, (T, K, S); from values with gaps filled and running means, (M + T, K).

    >>> rules_after(np.array([[1.0], [2.0], [3.0]]), np.full((3, 1), 2.0), np.array([2]), (3,))
    array([[[3., 2., 1.]]])
    """
    last = filled[now]
    rules = [last, mean[now]]
    for season in seasons:
        rule = filled[now + 1 - season]
        rules.append(np.where(np.isfinite(rule), rule, last))
    return np.stack(rules, -1)


def errors_so_far(rules: Array, came: Array, before: Array, decay: float) -> Array:
    """After each step the decayed sums of the rules' absolute errors and, last, of their weights,
    (T, K, S + 1); `rules` (T, K, S) are of each step, `came` (T, K) with NaN, `before` (K, S + 1).

    >>> rules = np.zeros((2, 1, 1))
    >>> errors_so_far(rules, np.array([[4.0], [2.0]]), np.zeros((1, 2)), 0.5)
    array([[[2.  , 0.5 ]],
    <BLANKLINE>
           [[2.  , 0.75]]])
    """
    error = np.abs(rules - came[..., None])
    known = np.isfinite(error.sum(-1, keepdims=True))
    new = (1 - decay) * np.concatenate([np.where(known, error, 0), known], -1)
    sums = np.empty_like(new)
    length = max(1, int(_MOST / -np.log(decay)))
    for first in range(0, len(new), length):  # pieces within which no power is too large
        some = slice(first, first + length)
        power = decay ** np.cumsum(known[some], 0)
        sums[some] = power * (before + np.cumsum(new[some] / power, 0))
        before = sums[some][-1]
    return sums


def usual_error(sums: Array) -> tuple[Array, Array]:
    """Of such sums, (..., S + 1), the smallest rule's mean error and its weight from 0 to 1."""
    weight = sums[..., -1]
    least: Array = sums[..., :-1].min(-1) / np.maximum(weight, 1e-12)
    return least, weight
