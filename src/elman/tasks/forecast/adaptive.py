"""Intervals that learn from their misses along a series: adaptive conformal inference."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.tasks.forecast.settings import QUANTILES

Array = NDArray[np.float64]
RATE = 0.1  # of learning: a miss of all four lags widens the interval of 80 % by a twelfth
_LAGS = 4  # steps ahead that are looked at
_TINY = float(np.finfo(np.float64).tiny)
MOST = 3.0  # the logarithm of the largest factor


class Track(NamedTuple):
    """What a series' intervals have learnt up to its last step.

    - `log_factor`: (K, P), of each target and pair of quantiles by how much the half widths of its
      intervals are multiplied, as a logarithm.
    - `pending`: (S, K, Q), forecasts of steps to come: of each lag k those k that were made last.
    """

    log_factor: Array
    pending: Array


def lags(horizon: int) -> tuple[int, ...]:
    """The steps ahead whose forecasts are compared with what came.

    >>> lags(24), lags(2)
    ((6, 12, 18, 24), (1, 2))
    """
    count = min(_LAGS, horizon)
    return tuple(-(-(i + 1) * horizon // count) for i in range(count))


def begin(horizon: int, targets: int) -> Track:
    """Nothing learnt yet."""
    pairs, levels = len(QUANTILES) // 2, len(QUANTILES)
    return Track(np.zeros((targets, pairs)), np.full((sum(lags(horizon)), targets, levels), np.nan))


def follow(track: Track, quantiles: Array, came: Array) -> tuple[Array, Track]:
    """Learn from what came at successive steps, and forecast after each.

    A step's value is compared with the intervals forecast for it from so many steps before as
    `lags` says. A pair's factor grows with each miss and shrinks with each hit, so that in the long
    run as many values lie outside as it promises, whatever the series does (Gibbs & Candes 2021; as
    a tracked quantile Angelopoulos et al. 2023). What is known at a step comes from it and those
    before it alone.

    **Arguments:** `quantiles` (n, h, K, Q): calibrated forecasts after each of n steps, in units of
    the data, NaN where none could be made. `came` (n, K): the steps' own values, or NaN.

    **Returns:** the logarithms of the factors after each step, (n, K, P), and the track after the
    last one.
    """
    promised = 1 - (np.array(QUANTILES[::-1]) - QUANTILES)[: track.log_factor.shape[1]]
    count, ratios, pending, first = len(came), [], [], 0
    for lag in lags(quantiles.shape[1]):
        made = np.concatenate([track.pending[first : first + lag], quantiles[:, lag - 1]])
        ratios.append(_ratio(made[:count], came))
        pending.append(made[count:])
        first += lag
    found = np.stack(ratios, 1)  # (n, L, K, P)
    known = (~np.isnan(found)).sum(1)
    log_factor = track.log_factor
    factors = np.empty((count, *log_factor.shape))
    for step in range(count):
        missed = (found[step] > np.exp(log_factor)).sum(0) / np.maximum(known[step], 1)
        change = np.where(known[step] > 0, RATE * (missed - promised), 0)
        factors[step] = log_factor = np.clip(log_factor + change, -MOST, MOST)
    return factors, Track(log_factor, np.concatenate(pending))


def widened(quantiles: Array, log_factor: Array) -> Array:
    """Quantiles (..., h, K, Q), each pair's distances from the median times its factor,
    (..., K, P)."""
    middle = quantiles.shape[-1] // 2
    factor = np.exp(log_factor)[..., None, :, :]
    both = np.concatenate([factor, np.ones_like(factor[..., :1]), factor[..., ::-1]], -1)
    median = quantiles[..., middle : middle + 1]
    ordered: Array = np.sort(median + both * (quantiles - median), -1)
    return ordered


def _ratio(quantiles: Array, came: Array) -> Array:
    """How far values (n, K) lay from the medians, in half widths of each pair on their side."""
    middle = quantiles.shape[-1] // 2
    off = came[..., None] - quantiles[..., middle : middle + 1]
    half = quantiles - quantiles[..., middle : middle + 1]
    half = np.where(off > 0, half[..., :middle:-1], -half[..., :middle])
    off = np.abs(off)
    least = np.maximum(1e-12 * np.maximum(off, np.abs(came[..., None])), _TINY)
    ratio: Array = np.where(off > least, off / np.maximum(half, least), 0 * half * off)
    return ratio
