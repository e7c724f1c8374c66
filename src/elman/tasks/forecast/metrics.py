"""How good forecasts are: errors as the M competitions define them, quantile loss, coverage."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def errors(forecast: Array, actual: Array, history: Array, season: int) -> dict[str, float]:
    """Mean absolute, root mean square, symmetric percentage and scaled errors of one series.

    **Arguments:** `forecast`, `actual`: (h,), NaN where nothing is known. `history`: (T,), what
    came before, whose mean change over a season scales MASE (Hyndman & Koehler 2006).

    >>> errors(np.array([3.0, 5.0]), np.array([1.0, 5.0]), np.array([1.0, 2.0, 4.0]), 1)
    {'mae': 1.0, 'rmse': 1.414214, 'smape': 50.0, 'mase': 0.6666667}
    """
    known = np.isfinite(actual)
    off = np.abs(forecast - actual)[known]
    if not len(off):
        return dict.fromkeys(("mae", "rmse", "smape", "mase"), np.nan)
    both = (np.abs(forecast) + np.abs(actual))[known]
    share = np.divide(off, both, out=np.zeros_like(off), where=both > 0)
    lag = min(season, len(history) - 1)
    scale = np.nanmean(np.abs(history[lag:] - history[:-lag])) if lag > 0 else np.nan
    found = {
        "mae": off.mean(),
        "rmse": root_mean_square(off),
        "smape": 200 * share.mean(),
        "mase": off.mean() / scale if scale > 0 else np.nan,
    }
    return {name: rounded(value) for name, value in found.items()}


def root_mean_square(values: Array) -> float:
    """Also of values whose squares are too large or too small for a float."""
    largest = float(np.abs(values).max())
    return largest * float(np.sqrt(np.square(values / largest).mean())) if largest else 0.0


def rounded(value: Any) -> float:
    """To seven digits, whatever the size."""
    return float(f"{float(value):.7g}")


def owa(smape: float, mase: float, naive2_smape: float, naive2_mase: float) -> float:
    """The overall weighted average of the M4 competition, 1 for Naive2.

    >>> owa(9.328, 0.893, 18.383, 2.395)
    0.44
    """
    return round((smape / naive2_smape + mase / naive2_mase) / 2, 3)


def quantile_loss(quantiles: Array, actual: Array, levels: Sequence[float]) -> float:
    """The weighted quantile loss: twice the pinball loss over the sum of |actual|, a mean over the
    levels; `quantiles` (..., Q).

    >>> quantile_loss(np.array([[8.0, 12.0]]), np.array([10.0]), [0.1, 0.9])
    0.04
    """
    at = np.asarray(levels)
    error = actual[..., None] - quantiles
    loss = 2 * np.maximum(at * error, (at - 1) * error)
    total = np.nansum(np.abs(actual))
    return round(float(np.nansum(loss.mean(-1)) / total), 6) if total else np.nan


def crps(samples: Array, actual: Array) -> float:
    """The continuous ranked probability score of sample paths, (S, ...), a mean.

    E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007).

    >>> crps(np.array([[1.0], [3.0]]), np.array([2.0]))
    0.5
    """
    count = len(samples)
    ordered = np.sort(samples, 0)
    weights = (2 * np.arange(1, count + 1) - count - 1).reshape(-1, *[1] * actual.ndim)
    spread = (weights * ordered).sum(0) / count**2
    return rounded(np.nanmean(np.abs(samples - actual).mean(0) - spread))


def coverage(low: Array, high: Array, actual: Array) -> float:
    """The share of known values within an interval.

    >>> coverage(np.zeros(4), np.ones(4), np.array([0.5, 2.0, 1.0, np.nan]))
    0.666667
    """
    known = np.isfinite(actual)
    inside = ((low <= actual) & (actual <= high))[known]
    return round(float(inside.mean()), 6) if len(inside) else np.nan


def mean_of(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The mean of each metric over series, without those that have none."""
    found = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows], float)
        found[name] = rounded(np.nanmean(values)) if np.isfinite(values).any() else np.nan
    return found
