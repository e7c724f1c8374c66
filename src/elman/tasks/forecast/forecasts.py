"""Forecasts of several series, and how they become rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import SettingsError
from elman.tasks.forecast.asked import percents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Forecasts:
    """Quantiles of what is to come.

    **Fields:** `names` of N series; `times` (N, h), in UTC if they have a `zone`; `quantiles`
    (N, h, K, Q) at `levels`, in the units of the data. `past`: of each series times (M,) and values
    (M, K) before. `average` (N, h, K): of sample paths, None if there are none.
    """

    names: tuple[str, ...]
    times: NDArray[Any]
    quantiles: Array
    levels: tuple[float, ...]
    targets: tuple[str, ...]
    past: tuple[tuple[NDArray[Any], Array], ...] = ()
    average: Array | None = None
    zone: str | None = None

    @property
    def median(self) -> Array:
        """(N, h, K)."""
        return self.at(0.5)

    @property
    def mean(self) -> Array:
        """(N, h, K): the mean of the distribution that is a line from quantile to quantile."""
        edges = np.array([0.0, *self.levels, 1.0])
        middle = (edges[1:] + edges[:-1]) / 2
        weights = np.diff([0.0, *middle[1:-1], 1.0])
        mean: Array = (self.quantiles * weights).sum(-1)
        return mean

    def at(self, level: float) -> Array:
        """The quantile at any level between the outermost ones, (N, h, K)."""
        if not self.levels[0] <= level <= self.levels[-1]:
            raise SettingsError(
                f"the quantile {level:g} is outside of {self.levels[0]:g} to {self.levels[-1]:g}"
            )
        right = int(np.searchsorted(self.levels, level - 1e-9))
        left = max(right - 1, 0)
        span = self.levels[right] - self.levels[left]
        share = (level - self.levels[left]) / span if span else 0.0
        found: Array = self.quantiles[..., left] * (1 - share) + self.quantiles[..., right] * share
        return found

    def interval(self, percent: float) -> tuple[Array, Array]:
        """The ends of the central interval of so many percent, (N, h, K) each."""
        (percent,) = percents(percent)
        return self.at(0.5 - percent / 200), self.at(0.5 + percent / 200)

    def plot(
        self, names: Sequence[Any] | None = None, *, level: Sequence[float] = (80, 95)
    ) -> "Figure":
        """A figure with a panel for each of these series, or for the first eight: what was known
        last, the mean, and the central intervals of so many percent.

        `.savefig("forecast.png")` writes it.
        """
        from elman.tasks.forecast.plot import plot

        return plot(self, names, level)

    def table(self, level: Sequence[float], *, id: str | None, time: str) -> dict[str, Any]:
        """Columns: the series (if `id`), the time, mean, median and each interval's ends."""
        count, horizon = self.times.shape
        columns: dict[str, Any] = {}
        if id is not None:
            columns[id] = [name for name in self.names for _ in range(horizon)]
        columns[time] = self.times.ravel()
        parts = {"mean": self.mean, "median": self.median}
        for percent in percents(level):
            parts[f"lo-{percent:g}"], parts[f"hi-{percent:g}"] = self.interval(percent)
        for k, target in enumerate(self.targets):
            lead = f"{target}-" if len(self.targets) > 1 else ""
            for name, values in parts.items():
                columns[lead + name] = values[..., k].reshape(count * horizon)
        return columns
