"""Forecasts from rolling origins, with simple rules beside."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data import Panel
from elman.errors import DataError
from elman.tasks.forecast import baselines
from elman.tasks.forecast.adaptive import begin, widened
from elman.tasks.forecast.asked import percents
from elman.tasks.forecast.bounds import floors
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.history import History, read
from elman.tasks.forecast.network import Forecaster
from elman.tasks.forecast.reader import along, run, scaled_forecasts
from elman.tasks.forecast.settings import QUANTILES

if TYPE_CHECKING:
    from elman.tasks.forecast.task import Forecast

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


def roll(task: "Forecast", panel: Panel, n_windows: int | None, step_size: int) -> Iterator[Rolled]:
    """Forecast each series after the last `n_windows` steps, `step_size` apart, after which a whole
    horizon is known; of no number, after all of its last tenth."""
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
            seen += at[0] + 1 < task.since.get(series.name, 0) - series.start
            yield _of(task, history, at, len(panel))
    if not some:
        raise DataError(
            f"no series is long enough for a forecast of {horizon} steps after a season of {season}"
        )
    if seen:
        warnings.warn(
            f"{seen} of {len(panel)} series are forecast where the network was trained, so that it"
            " looks better than it is: train on what comes before",
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


def _of(task: "Forecast", history: History, at: tuple[int, ...], count: int) -> Rolled:
    season, horizon = task.view.seasons[0], task.settings.horizon
    came = np.stack([history.y[a + 1 : a + 1 + horizon] for a in at])
    quantiles = _quantiles(task, history, at)
    floor = floors(history.extremes[np.array(at) + 1], task.settings.nonnegative)
    quantiles = np.maximum(quantiles, floor[:, None, :, None])
    filled = history.filled[history.before :]
    rules = dict(baselines.rules())
    if len(at) * count > _MOST_SLOW:
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


def _quantiles(task: "Forecast", history: History, at: Sequence[int]) -> Array:
    """The model's quantiles (n, h, K, Q); its intervals learn from each step up to each forecast,
    also from those between."""
    model: Any = task.model
    view, intervals = task.view, task.intervals
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
