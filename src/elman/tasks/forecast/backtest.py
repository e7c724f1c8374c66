"""How good a forecaster would have been from rolling origins, and whether by more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from elman.tasks.forecast import metrics
from elman.tasks.forecast.comparison import diebold_mariano
from elman.tasks.forecast.rolling import Rolled
from elman.tasks.forecast.settings import QUANTILES


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
        ours = self.metrics["model"]
        names = ("mae", "rmse", "smape", "mase")
        table = Table(
            "",
            *names,
            "DM",
            "p",
            title=f"{self.origins:,} forecasts",
            caption=f"of the model: {100 * ours['coverage_80']:.1f} % of values lie within the"
            f" intervals of 80 %, {100 * ours['coverage_95']:.1f} % within those of 95 %; weighted"
            f" quantile loss {ours['wql']:.4g}",
        )
        table.columns[0].no_wrap = True
        for who, found in self.metrics.items():
            figures = [f"{found[name]:.4g}" for name in names]
            test = self.against.get(who)
            table.add_row(who, *figures, *(f"{value:.3g}" for value in test or ()))
        return table


def score(rolled: Sequence[Rolled], season: int, step_size: int) -> Backtest:
    """Metrics of forecasts of the first target."""
    middle = len(QUANTILES) // 2
    per_series: dict[str, list[dict[str, float]]] = {}
    errors: dict[str, list[NDArray[np.float64]]] = {}
    inside = []
    for each in rolled:
        quantiles, came = each.quantiles[:, :, 0], each.came[:, :, 0]
        inside.append(
            [metrics.coverage(quantiles[..., q], quantiles[..., -1 - q], came) for q in (1, 0)]
        )
        history = each.history
        before = history.filled[history.before :, 0][: each.at[0] + 1]
        made = {"model": quantiles[..., middle]}
        made |= {name: values[:, :, 0] for name, values in each.rules.items()}
        for name, forecast in made.items():
            row = metrics.errors(forecast.ravel(), came.ravel(), before, season)
            per_series.setdefault(name, []).append(row)
            errors.setdefault(name, []).append(np.abs(forecast - came))
    found = {name: metrics.mean_of(rows) for name, rows in per_series.items()}
    cover = np.nanmean(np.array(inside, float), 0)
    quantiles = np.concatenate([each.quantiles[:, :, 0] for each in rolled])
    came = np.concatenate([each.came[:, :, 0] for each in rolled])
    found["model"] |= {
        "wql": metrics.quantile_loss(quantiles, came, QUANTILES),
        "coverage_80": round(float(cover[0]), 6),
        "coverage_95": round(float(cover[1]), 6),
    }
    stacked = {name: np.concatenate(parts) for name, parts in errors.items()}
    some = np.isfinite(stacked["model"]).any(1)
    ours = np.nanmean(stacked["model"][some], 1)
    ahead = -(-came.shape[1] // step_size)
    against = {
        name: diebold_mariano(ours, np.nanmean(values[some], 1), ahead)
        for name, values in stacked.items()
        if name != "model" and len(ours) > 3
    }
    return Backtest(found, stacked, against, len(ours))
