"""Forecasts from rolling origins, beside simple rules: how good a forecaster would have been."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from elman.data import Panel
from elman.errors import DataError
from elman.tasks.forecast import baselines, metrics
from elman.tasks.forecast.comparison import diebold_mariano
from elman.tasks.forecast.history import read
from elman.tasks.forecast.reader import scaled_forecasts
from elman.tasks.forecast.settings import QUANTILES

if TYPE_CHECKING:
    from elman.tasks.forecast.task import Forecast

_MOST_ETS = 60  # of its fits, each of which takes a second or so


@dataclass(frozen=True)
class Backtest:
    """What came of it.

    **Fields:** `metrics`: those of the "model" and of each rule, by name; errors are means over the
    series of their errors over all origins. `errors`: absolute errors of each, (origins, h).
    `against`: of each rule Diebold & Mariano's statistic and p-value, negative where the model is
    better, on errors averaged over the steps ahead.
    """

    metrics: dict[str, dict[str, float]]
    errors: dict[str, NDArray[np.float64]]
    against: dict[str, tuple[float, float]]
    origins: int

    def summary(self) -> Table:
        """A table for rich to print."""
        names = list(self.metrics["model"])
        table = Table("", *names, "DM", "p", title=f"{self.origins:,} forecasts")
        for who, found in self.metrics.items():
            figures = [f"{found[name]:.4g}" if name in found else "" for name in names]
            test = self.against.get(who)
            table.add_row(who, *figures, *(f"{value:.3g}" for value in test or ()))
        return table


def run(task: "Forecast", panel: Panel, steps: int | None, stride: int) -> Backtest:
    """See `Forecast.backtest`."""
    view, horizon = task.view, task.settings.horizon
    season = view.seasons[0]
    middle = len(QUANTILES) // 2
    per_series: dict[str, list[dict[str, float]]] = {}
    errors: dict[str, list[Any]] = {}
    inside: list[Any] = []
    every: list[Any] = []
    for series in panel.series:
        history = read(panel, series, view)
        wanted = steps or max(horizon, len(history) // 10)
        first = max(len(history) - wanted - 1, season - 1)
        at = list(range(first, len(history) - horizon, stride))
        if not at:
            continue
        quantiles = scaled_forecasts(task.model, view, [history], [at])[0].double().numpy()
        if task.calibration is not None:
            quantiles = task.calibration.apply(quantiles)
        now = history.before + np.array(at)
        place, size = (v[now][:, None, :, None] for v in (history.mean, history.scale))
        quantiles = (place + size * quantiles)[:, :, 0]
        if task.positive:
            quantiles = np.maximum(quantiles, 0)
        came = np.stack([history.y[a + 1 : a + 1 + horizon, 0] for a in at])
        inside.append(
            [metrics.coverage(quantiles[..., q], quantiles[..., -1 - q], came) for q in (1, 0)]
        )
        every.append((quantiles, came))
        filled = history.filled[history.before :, 0]
        rules = dict(baselines.rules())
        if len(at) * len(panel) > _MOST_ETS:
            rules.pop("ets", None)
        forecasts = {"model": quantiles[..., middle]}
        for name, rule in rules.items():
            known = _held(history.y[:, 0]) if name in ("naive", "drift") else filled
            forecasts[name] = np.stack([rule(known[: a + 1], horizon, season) for a in at])
        before = filled[: at[0] + 1]
        for name, made in forecasts.items():
            row = metrics.errors(made.ravel(), came.ravel(), before, season)
            per_series.setdefault(name, []).append(row)
            errors.setdefault(name, []).append(np.abs(made - came))
    if not every:
        raise DataError(
            f"no series is long enough for a forecast of {horizon} steps after a season of {season}"
        )
    found = {name: metrics.mean_of(rows) for name, rows in per_series.items()}
    cover = np.mean(np.array(inside), 0)
    quantiles, came = (np.concatenate(parts) for parts in zip(*every, strict=True))
    found["model"] |= {
        "wql": metrics.quantile_loss(quantiles, came, QUANTILES),
        "coverage_80": round(float(cover[0]), 6),
        "coverage_95": round(float(cover[1]), 6),
    }
    stacked = {name: np.concatenate(parts) for name, parts in errors.items()}
    some = np.isfinite(stacked["model"]).any(1)
    ours = np.nanmean(stacked["model"][some], 1)
    against = {
        name: diebold_mariano(ours, np.nanmean(values[some], 1), -(-horizon // stride))
        for name, values in stacked.items()
        if name != "model" and len(ours) > 3
    }
    return Backtest(found, stacked, against, len(ours))


def _held(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values with the last known one where one is missing; the first ones, that one after."""
    known = np.flatnonzero(np.isfinite(values))
    last = np.searchsorted(known, np.arange(len(values)), "right") - 1
    held: NDArray[np.float64] = values[known[np.maximum(last, 0)]]
    return held
