"""Intervals that hold what they promise: conformalised quantile regression (Romano et al. 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from elman.tasks.forecast.history import History, View

Array = NDArray[np.float64]
_ENOUGH = 40  # forecasts for which each step ahead is calibrated by itself


@dataclass(frozen=True)
class Calibration:
    """How much each pair of quantiles is moved apart, (pairs, h, K), in units of the level."""

    widening: Array

    @classmethod
    def of(cls, quantiles: Array, actual: Array, levels: tuple[float, ...]) -> Self:
        """From forecasts (n, h, K, Q) that were held out, and what came, (n, h, K).

        Each pair's widening is the quantile of how far values lay outside of it, so that of as many
        new values as the pair promises none will. With few forecasts all steps ahead share one.

        >>> q = np.zeros((99, 1, 1, 3)) + [-1.0, 0.0, 1.0]
        >>> actual = np.linspace(-2, 2, 99).reshape(99, 1, 1)
        >>> Calibration.of(q, actual, (0.1, 0.5, 0.9)).widening.round(1).ravel().tolist()
        [0.6]
        """
        count, horizon, keys = actual.shape
        found = np.zeros((len(levels) // 2, horizon, keys))
        for pair in range(len(levels) // 2):
            low, high = quantiles[..., pair], quantiles[..., -1 - pair]
            outside = np.maximum(low - actual, actual - high)
            wanted = levels[-1 - pair] - levels[pair]
            for key in range(keys):
                for step in range(horizon):
                    own = outside[:, step if count >= _ENOUGH else slice(None), key].ravel()
                    own = np.sort(own[np.isfinite(own)])
                    if len(own):
                        rank = int(np.ceil(wanted * (len(own) + 1))) - 1
                        found[pair, step, key] = own[min(rank, len(own) - 1)]
        return cls(found)

    def apply(self, quantiles: Array) -> Array:
        """Quantiles (n, h, K, Q) moved apart, none beyond the median."""
        moved = quantiles.copy()
        middle = quantiles.shape[-1] // 2
        for pair, widening in enumerate(self.widening):
            moved[..., pair] -= widening[: moved.shape[1]]
            moved[..., -1 - pair] += widening[: moved.shape[1]]
        median = moved[..., middle : middle + 1]
        moved[..., :middle] = np.minimum(moved[..., :middle], median)
        moved[..., middle + 1 :] = np.maximum(moved[..., middle + 1 :], median)
        ordered: Array = np.sort(moved, -1)
        return ordered


@dataclass(frozen=True)
class Intervals:
    """How a trained network's quantiles become intervals along a series.

    **Fields:** `calibration`: on the held-out steps of training. `since`: of each series of
    training, by name, the position of its first held-out step.
    """

    calibration: Calibration
    since: Mapping[Any, int]

    def first(self, history: History, view: View) -> int:
        """The first step of a history after which a forecast teaches something.

        It has a season behind it; and what a network says of what it was trained on teaches
        nothing.
        """
        held_out = self.since.get(history.name, history.start)
        behind = history.filled[history.before + 1 - view.seasons[0] :][: len(history)]
        unseen = np.flatnonzero(np.isfinite(behind).any(-1))
        season = int(unseen[0]) if len(unseen) else len(history)
        return max(season, held_out - 1 - history.start)
