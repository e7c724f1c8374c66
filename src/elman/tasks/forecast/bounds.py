"""What is known of how small and how large a series' values are."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data import Panel
from elman.errors import DataError

Array = NDArray[np.float64]
NOTHING = float(np.finfo(np.float64).tiny)  # the scale of a series of which only zeros are known
SMALLEST = 1e-6  # of a running scale, as a share of the largest value so far


def extremes_of(y: Array, before: Array) -> Array:
    """The lowest value so far, at most 0, and the highest, at least 0, before each step of y (T, K)
    and after the last one: (T + 1, 2, K), from those `before`, (2, K).

    >>> extremes_of(np.array([[3.0], [np.nan], [-1.0]]), np.zeros((2, 1)))[..., 0].tolist()
    [[0.0, 0.0], [0.0, 3.0], [0.0, 3.0], [-1.0, 3.0]]
    """
    low, high = np.nan_to_num(np.minimum(y, 0)), np.nan_to_num(np.maximum(y, 0))
    return np.stack(
        [
            np.minimum.accumulate(np.concatenate([before[:1], low])),
            np.maximum.accumulate(np.concatenate([before[1:], high])),
        ],
        1,
    )


def running_scale(size: Array, extremes: Array) -> Array:
    """Running mean sizes (T, K) as a scale, never 0: not below a small share of the largest value
    so far, and `NOTHING` where all were 0. Values times c have c times the scale."""
    largest = np.maximum(-extremes[:, 0], extremes[:, 1])
    scale: Array = np.maximum(size, np.maximum(SMALLEST * largest, NOTHING))
    return scale


def known_scale(scale: Array) -> Array:
    """Scales with NaN where nothing but zeros is known, by which values cannot be measured."""
    found: Array = np.where(scale > NOTHING, scale, np.nan)
    return found


def floors(extremes: Array, nonnegative: bool | None) -> Array:
    """Below what forecasts cannot be, (..., K), by the extremes (..., 2, K): 0 or minus infinity.

    A series without a value below 0 so far has none in its forecasts; `nonnegative` says so of all
    series, or of none.

    >>> floors(np.array([[0.0, -2.0], [5.0, 3.0]]), None)
    array([  0., -inf])
    """
    lowest = extremes[..., 0, :]
    if nonnegative is not None:
        return np.full_like(lowest, 0.0 if nonnegative else -np.inf)
    return np.where(lowest < 0, -np.inf, 0.0)


def check_values(panel: Panel, head: str, nonnegative: bool | None) -> None:
    """DataError if the head is of counts and a value is none, or if one is below 0 and should not
    be."""
    for name, target, y in _values(panel):
        known = y[np.isfinite(y)]
        if head == "negative_binomial" and len(
            bad := known[(known < 0) | (known != known.round())]
        ):
            raise DataError(
                f'head="negative_binomial" is of counts, and {target} is {bad[0]:g} in the series'
                f' {name}: choose head="student_t"'
            )
        if nonnegative and len(bad := known[known < 0]):
            raise DataError(
                f"nonnegative is set, and {target} is {bad[0]:g} in the series {name}: leave it"
                " out, or correct the values"
            )


def _values(panel: Panel) -> Iterator[tuple[str, str, Array]]:
    for series in panel.series:
        for target, y in zip(panel.columns.target, series.y.T, strict=True):
            yield series.name, target, y


def extremes_from(tail: Mapping[str, Any], positive: bool | None) -> Array:
    """Extremes (2, K) of a series of which they were not saved: by its last values and its running
    mean and mean size, or by whether no series of training had a negative value."""
    filled, (total, size, _) = np.nan_to_num(tail["filled"]), tail["level"]
    low, high = np.minimum(filled.min(0), 0), np.maximum(filled.max(0), 0)
    largest = np.maximum(-low, high)
    low = np.where((size - total > 1e-9 * size) & (low == 0), -largest, low)
    return np.stack([np.zeros_like(low) if positive else low, high])
