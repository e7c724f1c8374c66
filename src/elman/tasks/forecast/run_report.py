"""A forecaster's part of a run's report: forecasts against actual values, coverage, the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from elman import html
from elman.svg import Band, Line, line_chart
from elman.tasks.forecast.backtest import Backtest, Rolled, roll, score
from elman.tasks.forecast.dataset import SeriesData
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.run_report.data import Duplicates, key_of, lengths, shortened
from elman.tasks.run_report.run import Own

if TYPE_CHECKING:
    from elman.tasks.forecast.parts import ForecastParts

_SERIES = 60  # that are forecast once more
_WINDOWS = 8  # forecasts of each, at most
_PICTURES = 4
_PAST = 3  # horizons before a forecast that are shown


@dataclass(frozen=True)
class ForecastRun:
    """A trained forecaster with its series, whose last steps are held out."""

    task: "ForecastParts"
    train: SeriesData
    held_out: SeriesData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {"Forecasts of the held-out steps": self.forecasts, "Data": self.data}
        return Own(sections, self.advice)

    @cached_property
    def _rolled(self) -> list[Rolled]:
        panel = self.held_out.panel
        places = np.linspace(0, len(panel) - 1, min(_SERIES, len(panel))).round().astype(int)
        some = replace(panel, series=tuple(panel.series[i] for i in np.unique(places)))
        horizon = self.task.settings.horizon
        windows = max(1, min(_WINDOWS, self.held_out.held_out // horizon))
        return list(roll(self.task, some, windows, horizon, most_slow=0))

    @cached_property
    def _score(self) -> Backtest:
        return score(self._rolled, self.task.view.seasons[0], self.task.settings.horizon)

    def forecasts(self) -> list[str]:
        """Pictures, coverage, and errors beside those of simple rules."""
        found = self._score
        ours = found.metrics["model"]
        words = (
            f"{found.origins:,} forecasts of {len(self._rolled):,} series from the steps held out:"
            f" {ours['coverage_80']:.1%} of the values lie within the 80 % intervals,"
            f" {ours['coverage_95']:.1%} within the 95 % intervals. The weights were chosen on"
            " these steps: on new ones errors may be a little larger."
        )
        names = ("mae", "rmse", "smape", "mase")
        rows = [
            (name.replace("_", " "), *(f"{row[n]:.4g}" for n in names))
            for name, row in sorted(found.metrics.items(), key=lambda item: item[1]["mae"])
        ]
        table = html.table(
            ["forecast by", "MAE", "RMSE", "sMAPE", "MASE"],
            rows,
            caption="The model and simple rules on the same steps, the smallest error first.",
        )
        chosen = np.linspace(0, len(self._rolled) - 1, min(_PICTURES, len(self._rolled)))
        pictures = [self._picture(self._rolled[i]) for i in np.unique(chosen.round().astype(int))]
        return [html.text(words), table, html.charts(*pictures)]

    def _picture(self, rolled: Rolled) -> str:
        """The last forecast of a series: its interval, its median and what came."""
        horizon, at = rolled.came.shape[1], rolled.at[-1]
        first = max(0, at + 1 - _PAST * horizon)
        actual = rolled.history.y[first : at + 1 + horizon, 0]
        steps = np.arange(at + 1, at + 1 + horizon)
        quantiles = rolled.quantiles[-1, :, 0]
        low, high = QUANTILES.index(0.1), QUANTILES.index(0.9)
        name = shortened(rolled.history.name, 60)
        ends = np.array([steps[0], steps[-1]]) + rolled.history.start
        first_time, last_time = self.held_out.panel.calendar.times(ends, rolled.history.phase)
        days = f", {_time(first_time)} to {_time(last_time)}."
        return line_chart(
            "step",
            shortened(self.task.settings.columns.target[0], 40),
            [
                Line(range(first, at + 1 + horizon), actual.tolist(), "actual", 3),
                Line(steps.tolist(), quantiles[:, len(QUANTILES) // 2].tolist(), "forecast", 1),
            ],
            f"The last held-out steps{f' of {name}' if name else ''}{days}",
            bands=[
                Band(
                    steps.tolist(), quantiles[:, low].tolist(), quantiles[:, high].tolist(), "80 %"
                )
            ],
        )

    def data(self) -> list[str]:
        """Lengths, missing values, and series that are constant or equal."""
        series = self.held_out.panel.series
        values: Sequence[Any] = [each.y for each in series]
        missing = sum(int(np.isnan(y).sum()) for y in values)
        total = sum(y.size for y in values)
        constant = [
            shortened(each.name, 60)
            for each in series
            if np.nanmin(each.y, initial=np.inf) == np.nanmax(each.y, initial=-np.inf)
        ]
        repeated = Duplicates.of_inputs([key_of(y) for y in values], []).within
        parts = [
            *lengths([len(each) for each in series], "steps"),
            html.text(f"{missing:,} of {total:,} values are missing ({missing / total:.1%})."),
        ]
        if constant:
            more = ", ..." if len(constant) > 5 else ""
            some = ", ".join(constant[:5])
            parts.append(html.text(f"{len(constant):,} series never change: {some}{more}."))
        if repeated:
            parts.append(html.text(f"{repeated:,} series are equal to another one."))
        return parts

    def advice(self) -> list[str]:
        """Where a simple rule is better."""
        metrics = self._score.metrics
        best = min(metrics, key=lambda name: metrics[name]["mae"])
        if best == "model":
            return []
        return [
            f"On the held-out steps the rule {best.replace('_', ' ')} has the smaller error (MAE"
            f" {metrics[best]['mae']:.4g} against {metrics['model']['mae']:.4g}): look at --season"
            " and --smoothing, train longer, or use the rule."
        ]


def _time(value: Any) -> str:
    """A time without a clock at midnight.

    >>> _time(np.datetime64("2024-02-01T00:00:00"))
    '2024-02-01'
    """
    return str(value).removesuffix("T00:00:00")
