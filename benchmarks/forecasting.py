"""What the forecaster reaches on real series, beside simple rules and published figures.

    python benchmarks/forecasting.py                    # all of them
    python benchmarks/forecasting.py m4 etth1           # some

Each is trained on what came before the test, and tested on what it has never seen: neither weights
nor intervals are chosen by it. Needs the datasets fc_* (elman data list).
"""

import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console

from elman.data import Panel, PanelSeries, read_panel
from elman.tasks import Forecast
from elman.tasks.forecast import baselines, metrics

NAIVE2 = 18.382878, 2.39504  # sMAPE and MASE of the competition's benchmark, as `naive2` reprints
WEATHER = ("temp", "hum", "windspeed", "weathersit", "holiday", "workingday")
console = Console(width=110)


def m4() -> None:
    """M4 hourly: 414 series, 48 steps, the official split."""
    before, after = read_panel("fc_m4_hourly:train"), read_panel("fc_m4_hourly:test")
    start = time.perf_counter()
    task = Forecast(horizon=48, season=24).fit(before, progress=False)
    found = task.forecasts()
    seconds = time.perf_counter() - start
    actual = np.stack([series.y for series in after.series])
    made = {"elman": found.median[..., 0]}
    for rule in (baselines.naive2, baselines.seasonal_naive):
        made[rule.__name__] = np.stack([rule(s.y[:, 0], 48, 24) for s in before.series])
    console.print(f"M4 hourly, fit and predict in {seconds:.0f} s")
    for name, forecast in made.items():
        rows = [
            metrics.errors(f, a.y[:, 0], b.y[:, 0], 24)
            for f, a, b in zip(forecast, after.series, before.series, strict=True)
        ]
        mean = metrics.mean_of(rows)
        owa = metrics.owa(mean["smape"], mean["mase"], *NAIVE2)
        console.print(f"  {name:15} sMAPE {mean['smape']:6.3f}  MASE {mean['mase']:.3f}  OWA {owa}")
    for percent in (80, 95):
        share = metrics.coverage(*found.interval(percent), actual)
        console.print(f"  coverage of the {percent} % intervals: {100 * share:.1f} %")


def etth1() -> None:
    """ETTh1's oil temperature alone, 24 hours ahead, split and standardised as in Informer."""
    whole = read_panel("fc_etth1")
    values = whole.series[0].y[:14400]
    values = (values - values[:8640].mean()) / values[:8640].std()
    panel = _with(whole, values)
    start = time.perf_counter()
    # The validation months choose weights and intervals; training ends where they begin.
    task = Forecast(horizon=24, held_out=2880, frequency="h").fit(panel.cut(2880), progress=False)
    found = task.backtest(panel, n_windows=2880 - 24 + 1)
    console.print(f"ETTh1, OT, 24 h, Informer's split: {time.perf_counter() - start:.0f} s")
    _squares(found)
    console.print(found.summary())


def bike() -> None:
    """Bike rentals, hourly, a day ahead with the weather known; a week in each season."""
    settings = {"horizon": 24, "future": WEATHER}
    panel = read_panel("fc_bike_sharing/hour", Forecast(**settings).settings.columns)
    ours, rule = [], []
    start = time.perf_counter()
    for fold in range(4):
        known = panel.cut(13 * 7 * 24 * fold)
        task = Forecast(**settings).fit(known.cut(7 * 24), progress=False)
        found = task.backtest(known, n_windows=7, step_size=24)
        ours.append(found.metrics["model"])
        rule.append(found.metrics["seasonal_naive"])
        console.print(f"  fold {fold}: {found.metrics['model']}")
        console.print(f"          {found.metrics['seasonal_naive']}")
    mean = [metrics.mean_of(rows) for rows in (ours, rule)]
    better = 100 * (1 - mean[0]["mae"] / mean[1]["mae"])
    console.print(
        f"Bike sharing, 24 h with the weather, a week of each season: MAE {mean[0]['mae']:.1f}, of"
        f" seasonal naive {mean[1]['mae']:.1f}: {better:.0f} % better; 80 % intervals cover"
        f" {100 * mean[0]['coverage_80']:.1f} %; {time.perf_counter() - start:.0f} s"
    )


def passengers() -> None:
    """Airline passengers: the last two, three and four years, 12 months ahead."""
    for years in (2, 3, 4):
        title = f"Airline passengers, {years} years"
        _tested(title, "fc_small_series/passengers", 12 * years, 1, horizon=12)


def temperatures() -> None:
    """Minimum temperatures in Melbourne: the last year, a week ahead."""
    _tested("Minimum temperatures", "fc_small_series/temperatures", 364, 7, horizon=7)


def vix() -> None:
    """The volatility index: the last two years, one day ahead, against the random walk."""
    _tested("VIX", "fc_vix_daily", 500, 1, horizon=1)


def _tested(title: str, data: str, steps: int, stride: int, **settings: Any) -> None:
    panel = read_panel(data)
    start = time.perf_counter()
    task = Forecast(**settings).fit(panel.cut(steps), progress=False)
    windows = (steps - settings["horizon"]) // stride + 1
    found = task.backtest(panel, n_windows=windows, step_size=stride)
    console.print(f"{title}, {settings['horizon']} ahead: {time.perf_counter() - start:.0f} s")
    console.print(found.summary())


def _squares(found: Any) -> None:
    for name, errors in found.errors.items():
        square, size = np.nanmean(errors**2), np.nanmean(errors)
        console.print(f"  {name:15} MSE {square:.4f}  MAE {size:.4f}")


def _with(panel: Panel, values: Any) -> Panel:
    series = panel.series[0]
    made = PanelSeries(series.name, series.start, values, values[:, :0], values[:, :0], ())
    return replace(panel, series=(made,))


ALL = {each.__name__: each for each in (m4, etth1, bike, passengers, temperatures, vix)}


def main() -> None:
    chosen = sys.argv[1:] or list(ALL)
    if unknown := set(chosen) - set(ALL):
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in chosen:
        ALL[name]()


if __name__ == "__main__":
    main()
