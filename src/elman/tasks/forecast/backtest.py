"""How good a forecaster would have been from rolling origins, and whether by more than chance."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table

from elman.data import Panel
from elman.errors import DataError
from elman.tasks.forecast import baselines, metrics
from elman.tasks.forecast.adaptive import begin, widened
from elman.tasks.forecast.asked import percents
from elman.tasks.forecast.bounds import SMALLEST, floors
from elman.tasks.forecast.conformal import Calibration
from elman.tasks.forecast.diebold_mariano import diebold_mariano
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.history import History, View, read
from elman.tasks.forecast.inference import along, run
from elman.tasks.forecast.network import Forecaster
from elman.tasks.forecast.placed import scaled_forecasts
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.prediction import Evaluation
from elman.tasks.significance import Difference

if TYPE_CHECKING:
    from elman.tasks.forecast.parts import ForecastParts

Array = NDArray[np.float64]
_MOST_SLOW = 60  # forecasts by rules that take a second or so each


@dataclass(frozen=True)
class Rolled:
    """Forecasts of one series.

    **Fields:** `history`: the series; `at`: the last known step of each of n forecasts; `came`
    (n, h, K): the values forecast; `quantiles` (n, h, K, Q) by the model; `rules`: by each simple
    rule (n, h, K).
    """

    history: History
    at: tuple[int, ...]
    came: Array
    quantiles: Array
    rules: dict[str, Array]


def roll(
    task: "ForecastParts",
    panel: Panel,
    n_windows: int | None,
    step_size: int,
    *,
    most_slow: int | None = None,
) -> Iterator[Rolled]:
    """Forecast each series after the last `n_windows` steps, `step_size` apart, after which a whole
    horizon is known; of no number, after all of its last tenth.

    Of more than `most_slow` forecasts, 60 if None, rules that take a second each are left out."""
    most_slow = _MOST_SLOW if most_slow is None else most_slow
    season, horizon = task.view.seasons[0], task.settings.horizon
    some, seen = False, 0
    for series in panel.series:
        history = read(panel, series, task.view)
        last = len(history) - 1 - horizon
        tenth = max(len(history) // 10 - horizon, 0) // step_size + 1
        first = last - ((n_windows or tenth) - 1) * step_size
        first += max(0, -((first - season + 1) // step_size)) * step_size  # a season must be known
        at = tuple(range(first, last + 1, step_size))
        if at:
            some = True
            seen += at[0] + 1 < task.memory.since.get(series.name, 0) - series.start
            yield _of(task, history, at, slow=len(at) * len(panel) <= most_slow)
    if not some:
        raise DataError(
            f"no series is long enough for a forecast of {horizon} steps after a season of {season}"
        )
    if seen:
        warnings.warn(
            f"{seen} of {len(panel)} series are forecast at steps that the network was trained on,"
            " so that the result is too good: train on earlier steps only",
            UserWarning,
            stacklevel=3,
        )


def frame(rolled: Sequence[Rolled], panel: Panel, level: Sequence[float]) -> dict[str, Any]:
    """Columns: the series, the time, the cutoff, the values that came, and what the model and each
    rule forecast."""
    parts: dict[str, list[Any]] = {}
    for each in rolled:
        begun = each.history.start
        at = np.array(each.at)
        count, horizon, _ = each.came.shape
        rows = {
            panel.columns.id: [each.history.name] * (count * horizon),
            panel.columns.time: panel.calendar.times(
                (begun + at[:, None] + 1 + np.arange(horizon)).ravel(), each.history.phase
            ),
            "cutoff": np.repeat(panel.calendar.times(begun + at, each.history.phase), horizon),
        }
        made = Forecasts((), np.zeros(0), each.quantiles, QUANTILES, panel.columns.target)
        for k, target in enumerate(panel.columns.target):
            lead = f"{target}-" if len(panel.columns.target) > 1 else ""
            columns = {target: each.came, f"{lead}elman": made.median}
            for percent in percents(level):
                low, high = made.interval(percent)
                columns |= {f"{lead}elman-lo-{percent:g}": low, f"{lead}elman-hi-{percent:g}": high}
            columns |= {lead + name: values for name, values in each.rules.items()}
            rows |= {name: values[..., k].ravel() for name, values in columns.items()}
        for name, values in rows.items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _of(task: "ForecastParts", history: History, at: tuple[int, ...], *, slow: bool) -> Rolled:
    season, horizon = task.view.seasons[0], task.settings.horizon
    came = np.stack([history.y[a + 1 : a + 1 + horizon] for a in at])
    quantiles = _quantiles(task, history, at)
    floor = floors(history.extremes[np.array(at) + 1], task.settings.nonnegative)
    quantiles = np.maximum(quantiles, floor[:, None, :, None])
    filled = history.filled[history.before :]
    rules = dict(baselines.rules())
    if not slow:
        rules = {name: rule for name, rule in rules.items() if name not in baselines.SLOW}
    made = {}
    for name, rule in rules.items():
        known = _held(history.y) if name in ("naive", "drift") else filled
        made[name] = np.stack(
            [
                np.stack([rule(values[: a + 1], horizon, season) for values in known.T], -1)
                for a in at
            ]
        )
    return Rolled(history, at, came, quantiles, made)


def _quantiles(task: "ForecastParts", history: History, at: Sequence[int]) -> Array:
    """The model's quantiles (n, h, K, Q); its intervals learn from each step up to each forecast,
    also from those between."""
    model: Any = task.model
    view, intervals = task.view, task.memory.intervals
    drawn = intervals is None or not isinstance(model, Forecaster)
    if drawn:
        scaled = scaled_forecasts(model, view, [history], [at])[0].double().numpy()
        if intervals is not None:
            scaled = intervals.calibration.apply(scaled)
        now = history.before + np.array(at)
        place, size = (v[now][:, None, :, None] for v in (history.mean, history.scale))
        quantiles: Array = place + size * scaled
    if intervals is None:
        return quantiles
    with torch.inference_mode():
        output, _ = run(model, [history.features[: at[-1] + 1]])
    first = min(intervals.first(history, view), at[0])
    found = []
    track = begin(view.horizon, view.targets)
    for reached in along(model, view, history, output, (), first, track, intervals, at[-1] + 1):
        rows = [i for i, a in enumerate(at) if 0 <= a - reached.first < len(reached.quantiles)]
        own = np.array([at[i] for i in rows], int) - reached.first
        made = quantiles[rows] if drawn else reached.quantiles[own]
        found.append(widened(made, reached.log_factor[own]))
    return np.concatenate(found)


def _held(values: Array) -> Array:
    """Values (T, K) with the last known one where one is missing; the first ones, that one
    after."""
    held = values.copy()
    for column in held.T:
        known = np.flatnonzero(np.isfinite(column))
        last = np.searchsorted(known, np.arange(len(column)), "right") - 1
        column[:] = column[known[np.maximum(last, 0)]]
    return held


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

    def difference(self, other: "Backtest") -> Difference:
        """The mean absolute errors of both models, of the same forecasts, and the p value."""
        own, others = self.errors["model"], other.errors["model"]
        some = np.isfinite(own).any(1)
        one, two = (np.nanmean(errors[some], 1) for errors in (own, others))
        p = diebold_mariano(one, two, own.shape[1])[1]
        return Difference("mae", float(one.mean()), float(two.mean()), p)

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
            f" 80 % intervals, {100 * ours['coverage_95']:.1f} % within the 95 % intervals;"
            f" weighted quantile loss {ours['wql']:.4g}",
        )
        table.columns[0].no_wrap = True
        for who, found in self.metrics.items():
            figures = [f"{found[name]:.4g}" for name in names]
            test = self.against.get(who)
            table.add_row(who, *figures, *(f"{value:.3g}" for value in test or ()))
        return table


@dataclass(frozen=True)
class Report(Evaluation):
    """How good a forecaster is: its metrics, and beside them those of the simple rules.

    `baselines` are the metrics of each rule by name; `backtest` is all of it.
    """

    baselines: dict[str, dict[str, float]]
    backtest: Backtest


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


def table(
    model: Any, view: View, calibration: Calibration | None, panel: Panel
) -> dict[str, list[Any]]:
    """How unusual each value of some histories is, as a table with `score` and `expected`.

    The score is the distance from the forecast one step before, in half widths of its interval
    of 95 %: above 1 a value lies outside. NaN before the first forecast.
    """
    columns: dict[str, list[Any]] = {name: [] for name in (panel.columns.id, panel.columns.time)}
    scores: dict[str, list[Any]] = {"expected": [], "score": []}
    for series in panel.series:
        history = read(panel, series, view)
        at = list(range(view.seasons[0] - 1, len(history) - 1))
        score = np.full(history.y.shape, np.nan)
        expected = score.copy()
        if at:
            quantiles = scaled_forecasts(model, view, [history], [at], 1)[0].double().numpy()
            if calibration is not None:
                quantiles = calibration.apply(quantiles)
            now = history.before + np.array(at)
            place, size = history.mean[now], history.scale[now]
            low, middle, high = (
                place + size * quantiles[:, 0, :, q] for q in (0, len(QUANTILES) // 2, -1)
            )
            came = history.y[np.array(at) + 1]
            half = np.where(came > middle, high - middle, middle - low)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.abs(came - middle) / np.maximum(half, SMALLEST * size)
            score[np.array(at) + 1] = np.where(came == middle, 0, ratio)
            expected[np.array(at) + 1] = middle
        columns[panel.columns.id] += [series.name] * len(history)
        columns[panel.columns.time] += list(panel.times(series, 0, len(history)))
        scores["expected"] += expected[:, 0].tolist()
        scores["score"] += score.max(1).tolist()
    return {**columns, **scores}
