"""What a forecaster knows of a series at each step, from that step and those before it alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data import Panel, PanelSeries
from elman.data.series.calendar import Calendar
from elman.errors import DataError
from elman.tasks.forecast.bounds import NOTHING, extremes_of, running_scale
from elman.tasks.forecast.described import scale_of, static_of, static_view
from elman.tasks.forecast.naive import errors_so_far, rules_after

Array = NDArray[np.float64]
WEEK = {24, 48, 72, 96, 144, 288, 1440}  # steps of a day whose week is a season, too


@dataclass(frozen=True)
class View:
    """How series become numbers: seasons, covariates and their scale; learnt from training data."""

    seasons: tuple[int, ...]
    horizon: int
    mean: tuple[float, ...]  # of the past's and then the future's covariates
    deviation: tuple[float, ...]
    categories: tuple[tuple[str, ...] | None, ...]  # of each static column; None for numbers
    static_scale: tuple[tuple[float, float], ...]
    targets: int
    past: int
    future: int
    calendar: int
    smoothed: tuple[str, ...] | None = None  # series with smoothing of their own; None without it

    @cached_property
    def number(self) -> dict[str, int]:
        """The series' numbers by name."""
        return {name: i for i, name in enumerate(self.smoothed or ())}

    @cached_property
    def memory(self) -> int:
        """Values before a forecast that its head sees: the longest season, or two short ones."""
        return max(self.seasons[-1], 2 * self.seasons[0], 14)

    @cached_property
    def decay(self) -> float:
        """Of a series' level a step: half in the longest season, or in 20 steps."""
        return float(0.5 ** (1 / max(self.seasons[-1], 20)))

    @cached_property
    def slow_decay(self) -> float:
        """Of the errors of rules a step: a tenth of the level's."""
        return float(self.decay**0.1)

    @cached_property
    def features(self) -> int:
        """Inputs of the recurrence a step; what smoothing needs comes after them."""
        of_targets = self.targets * (3 + len(self.seasons))
        return of_targets + self.calendar + self.past + 2 * self.future + self.static

    @cached_property
    def static(self) -> int:
        """Numbers that describe a series; the last of the features."""
        return sum(1 if each is None else len(each) for each in self.categories)

    @cached_property
    def ahead(self) -> int:
        """Numbers known beforehand of each step to come."""
        return self.calendar + 2 * self.future


class Level(NamedTuple):
    """A series' running mean and mean size, (K,), as decayed sums and their weight."""

    total: Array
    size: Array
    weight: Array


@dataclass(frozen=True)
class Tail:
    """The end of a series, from which it can be read on without what came before.

    `filled`, `mean` and `scale` are the last (M, K) of `History`; `position` of the next step;
    `off`, (K, S + 1), the last of `History.off`; `extremes`, (2, K), those of `bounds`.
    """

    position: int
    filled: Array
    mean: Array
    scale: Array
    level: Level
    off: Array
    extremes: Array


@dataclass(frozen=True)
class History:
    """A stretch of a series with what was known at each step.

    **Fields:** `y` (T, K) with NaN; `filled`, `mean`, `scale` (M + T, K): values with gaps filled,
    running mean and size, of the M steps before the stretch, too; `features` (T, F) float32;
    `extremes` (T + 1, 2, K), of the values before each step; see `bounds`.
    """

    name: str
    y: Array
    before: int
    filled: Array
    mean: Array
    scale: Array
    features: NDArray[np.float32]
    ahead: NDArray[np.float32]  # (T + F, C), known beforehand, from the first step on
    level: Level
    start: int
    view: View
    off_before: Array
    weight_before: Array
    extremes: Array
    phase: int = 0

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def off(self) -> Array:
        """After each step how far off the rules were, (T, K, S + 1): see `errors_so_far`."""
        seasons = self.view.seasons
        now = self.before + np.arange(-1, len(self) - 1)
        rules = rules_after(self.filled, self.mean, now, seasons)
        rules[~np.isfinite(self.filled[now + 1 - seasons[0]])] = np.nan  # no whole season yet
        return errors_so_far(rules, self.y, self.off_before, self.view.slow_decay)

    def level_at(self, step: int, decay: float) -> Level:
        """The level's sums after a step."""
        count = np.isfinite(self.y[: step + 1]).sum(0)
        weight = 1 - decay**count * (1 - self.weight_before)
        now = self.before + step
        return Level(self.mean[now] * weight, self.scale[now] * weight, weight)

    def tail(self, memory: int) -> Tail:
        """Its end."""
        end = self.start + len(self)
        filled, mean, scale = (v[-memory:] for v in (self.filled, self.mean, self.scale))
        return Tail(end, filled, mean, scale, self.level, self.off[-1], self.extremes[-1])


def view_of(panel: Panel, horizon: int, season: int | None, *, smoothing: bool = False) -> View:
    """Learn from training data how to look at series."""
    first = season or panel.calendar.season
    seasons = (first, 7 * first) if first in WEEK else (first,)
    columns = panel.columns
    past = np.concatenate([each.past[: len(each)] for each in panel.series])
    future = np.concatenate([each.future[: len(each)] for each in panel.series])
    mean, deviation = [], []
    for column in (*past.T, *future.T):
        place, spread = scale_of(column[np.isfinite(column)])
        mean.append(place)
        deviation.append(spread)
    categories, scales = static_view([each.static for each in panel.series], len(columns.static))
    times = panel.times(panel.series[0], 0, 1)
    return View(
        seasons,
        horizon,
        tuple(mean),
        tuple(deviation),
        categories,
        scales,
        len(columns.target),
        len(columns.past),
        len(columns.future),
        panel.calendar.features(times).shape[1],
        tuple(each.name for each in panel.series) if smoothing else None,
    )


def read(panel: Panel, series: PanelSeries, view: View, tail: Tail | None = None) -> History:
    """Look at a series from its beginning, or where a tail ends.

    The series is all of the new steps then; DataError where they do not follow the old ones.
    """
    static = static_of(panel.columns.static, series, view)
    y = series.y
    memory, keys, start = view.memory, view.targets, series.start
    if tail is not None:
        check_follows(series, tail, panel.calendar)
    level = tail.level if tail else Level(*(np.zeros(keys) for _ in range(3)))
    filled, mean, scale = (np.empty((memory + len(y), keys)) for _ in range(3))
    begin = (
        (tail.filled, tail.mean, tail.scale)
        if tail
        else (np.full((memory, keys), np.nan), *(np.full((memory, keys), np.nan) for _ in range(2)))
    )
    for values, old in zip((filled, mean, scale), begin, strict=True):
        values[:memory] = old
    extremes = extremes_of(y, tail.extremes if tail else np.zeros((2, keys)))
    level = _run(y, filled, mean, scale, level, view)
    scale[memory:] = running_scale(scale[memory:], extremes[1:])
    known = np.isfinite(y)
    ahead = ahead_of(panel.calendar, series, view, start, len(y) + view.horizon)
    now = slice(memory, None)
    place, size = mean[now], scale[now]
    parts = [(filled[now] - place) / size, known]
    for season in view.seasons:
        lag = filled[memory + 1 - season : memory + 1 - season + len(y)]
        parts.append(np.where(np.isfinite(lag), (lag - place) / size, 0))
    earlier = scale[memory - view.seasons[0] : memory - view.seasons[0] + len(y)]
    begun = earlier > NOTHING
    parts.append(np.log(np.divide(size, earlier, out=np.ones_like(size), where=begun)))
    past, some = series.past[: len(y)], view.past
    parts.append(_standard(past, view.mean[:some], view.deviation[:some]))
    parts += [ahead[: len(y)], np.tile(static, (len(y), 1))]
    if view.smoothed is not None:
        parts += _turns(mean, scale, memory)
        parts.append(np.full((len(y), 1), 1 + view.number.get(series.name, -1)))
    features = np.concatenate(parts, 1).astype(np.float32)
    off, weight = (
        (tail.off, tail.level.weight)
        if tail
        else (np.zeros((keys, 3 + len(view.seasons))), np.zeros(keys))
    )
    return History(
        series.name,
        y,
        memory,
        filled,
        mean,
        scale,
        features,
        ahead,
        level,
        start,
        view,
        off,
        weight,
        extremes,
        series.phase,
    )


def check_follows(series: PanelSeries, tail: Tail, calendar: Calendar) -> None:
    """DataError where new rows begin before what is known ends."""
    if series.start < tail.position:
        time = calendar.times(np.array([tail.position]), series.phase)[0]
        raise DataError(
            f"the new rows of {series.name} begin before {time}, up to which it is known"
        )


def _run(y: Array, filled: Array, mean: Array, scale: Array, level: Level, view: View) -> Level:
    """Fill `filled`, `mean` and `scale`, the mean size, from the step where y begins on."""
    memory, season = view.memory, view.seasons[0]
    last = []
    for key, values in enumerate(y.T):
        known = np.isfinite(values)
        some = values[known]
        parts = np.stack([some, np.abs(some), np.ones(len(some))], -1)
        sums = _decayed(parts, np.array([each[key] for each in level]), view.decay)
        total, size, weight = sums[np.cumsum(known)].T
        weight = np.maximum(weight, 1e-12)
        mean[memory:, key] = total / weight
        scale[memory:, key] = size / weight
        filled[memory:, key] = values
        for at in memory + np.flatnonzero(~known):
            guesses = filled[at - season, key], filled[at - 1, key]
            filled[at, key] = next((each for each in guesses if np.isfinite(each)), mean[at, key])
        last.append(sums[-1])
    return Level(*np.stack(last, -1))


def _decayed(values: Array, start: Array, decay: float) -> Array:
    """The decayed sums of values (n, C) before and after each, (n + 1, C), from `start` on.

    s_t = decay s_{t-1} + (1 - decay) x_t, a block of steps at once.

    >>> _decayed(np.array([[1.0], [0.0]]), np.zeros(1), 0.5).ravel().tolist()
    [0.0, 0.5, 0.25]
    """
    block = np.arange(1, 129)
    weights = (1 - decay) * np.tril(decay ** np.abs(block[:, None] - block))
    rest = decay ** block[:, None]
    sums = np.empty((len(values) + 1, values.shape[1]))
    sums[0] = start
    for first in range(0, len(values), len(block)):
        some = values[first : first + len(block)]
        own = slice(first + 1, first + 1 + len(some))
        sums[own] = weights[: len(some), : len(some)] @ some + rest[: len(some)] * sums[first]
    return sums


def _turns(mean: Array, scale: Array, memory: int) -> list[Array]:
    """At each step the scale of the one before in units of its own, and the mean of the one before
    as a distance from its own: (T, K) each."""
    before, now = slice(memory - 1, -1), slice(memory, None)
    known = scale[before] > NOTHING
    ratio = np.where(known, scale[before] / scale[now], 1)
    moved = np.where(known, (mean[before] - mean[now]) / scale[now], 0)
    return [ratio, moved]


def ahead_of(
    calendar: Calendar, series: PanelSeries, view: View, start: int, count: int
) -> NDArray[np.float32]:
    """What is known beforehand of so many steps from position `start` on, (count, C)."""
    parts: list[NDArray[Any]] = [
        calendar.features(calendar.times(start + np.arange(count), series.phase))
    ]
    if view.future:
        offset = series.start - start
        mean, deviation = view.mean[view.past :], view.deviation[view.past :]
        values = np.full((count, view.future), np.nan)
        values[offset : offset + len(series.future)] = series.future[: count - offset]
        parts += [_standard(values, mean, deviation), np.isfinite(values).astype(np.float64)]
    return np.concatenate(parts, 1).astype(np.float32)


def _standard(values: Array, mean: Sequence[float], deviation: Sequence[float]) -> Array:
    """At mean 0 and deviation 1, 0 where a value is missing."""
    standard: Array = np.nan_to_num((values - np.array(mean)) / np.array(deviation))
    return standard


def check_known(panel: Panel, view: View) -> None:
    """Raise DataError for series and categories that a trained forecaster has nothing of."""
    for series in panel.series:
        if view.smoothed is not None and str(series.name) not in view.smoothed:
            raise DataError(
                f"start_from: the saved model has learnt no smoothing of the series {series.name}"
            )
        for column, value, names in zip(
            panel.columns.static, series.static, view.categories, strict=True
        ):
            if names is not None and str(value) not in names:
                raise DataError(
                    f"start_from: {column} of the series {series.name} is {value!r:.80}, which the"
                    f" saved model does not know; it knows {', '.join(names[:20])}"
                )
