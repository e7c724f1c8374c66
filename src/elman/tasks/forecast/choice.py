"""Choose a panel's season, and whether smoothing helps, by forecasts of its own last steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.data import Panel
from elman.data.series.calendar import Calendar
from elman.tasks.forecast.baselines import seasonal_naive
from elman.tasks.forecast.history import WEEK

Array = NDArray[np.float64]
USUAL = (4, 5, 7, 12, 24, 48, 52, 96, 144, 168, 288)  # of steps that are only numbered
_LONGEST = 370  # of periods that are looked for
_SERIES, _STEPS = 40, 3000  # that are looked at, at most
_ORIGINS = 8, 100  # of forecasts of one series, of many and of one
_RATES = (0.05, 0.2, 0.5, 0.9)  # of the level
_GAIN = 0.05  # of the error, for which a season is worth having
_CHANCE = 0.5  # of the error that one cycle alone may gain by chance
_MORE = 0.1  # for which another season than the calendar's is
_NEAR = 0.02  # within which errors are alike
_SMOOTH_GAIN = 0.1  # for which smoothing is worth its time
_SMOOTH_SEASON = 60  # steps of a season above which smoothing takes too long to be chosen


@dataclass(frozen=True)
class Choice:
    """A season and whether to smooth, and why, of what was not given."""

    season: int
    smoothing: bool
    reason: str


def choose(
    panel: Panel, horizon: int, season: int | None, smoothing: bool | None, *, can_smooth: bool
) -> Choice:
    """What was given, and the rest by held-out forecasts of simple rules."""
    series = _sample(panel)
    reasons = []
    if season is None:
        season, reason = _season(series, horizon, panel.calendar)
        reasons.append(reason)
    if smoothing is None:
        smoothing = False
        if can_smooth and 1 < season <= _SMOOTH_SEASON and season not in WEEK:
            smoothing, reason = _smoothing(series, horizon, season)
            reasons.append(reason)
    return Choice(season, smoothing, "; ".join(reasons))


def _season(series: Sequence[Array], horizon: int, calendar: Calendar) -> tuple[int, str]:
    """The shortest of the best periods, unless the calendar's is about as good."""
    usual = calendar.season
    errors = {m: _relative_error(series, horizon, m) for m in candidates(series, calendar)}
    known = {m: error for m, error in errors.items() if error is not None}
    if not known:
        return usual, f"season {usual} by the calendar: the series are too short to choose another"
    weeks = {7 * m for m, error in known.items() if m in WEEK and error < 1 - _GAIN}
    known = {m: error for m, error in known.items() if m not in weeks}  # read together with days
    least = min(known.values())
    best = min(m for m, error in known.items() if error <= least + _NEAR)
    needed = max(_GAIN, _CHANCE / np.sqrt(sum(map(len, series)) / best))
    own = known.get(usual, 1.0) if usual > 1 else 1.0
    if usual > 1 and known[best] > own - max(_MORE, needed):
        gain = f": {100 * (1 - own):.0f} % less error on held-out steps than without one"
        return usual, f"season {usual} by the calendar{gain if usual in known else ''}"
    if known[best] > 1 - needed:
        return 1, "no season found"
    gain = f"{100 * (1 - known[best]):.0f} % less error on held-out steps than without one"
    return best, f"season {best} found: {gain}"


def candidates(series: Sequence[Array], calendar: Calendar) -> list[int]:
    """Periods that may be seasons: the calendar's, of numbered steps all usual ones, and those at
    which the series resemble themselves; no multiples of the calendar's."""
    usual = calendar.season
    found = {usual} if usual > 1 else set()
    if calendar.kind == "number":
        found |= set(USUAL)
    for peak in _peaks(series):
        near = [m for m in (*found, *USUAL) if abs(m - peak) <= max(1, 0.03 * m)]
        found.add(min(near, key=lambda m: abs(m - peak)) if near else peak)
    return sorted(m for m in found if m == usual or usual == 1 or m % usual)


def _sample(panel: Panel) -> list[Array]:
    """The ends of some series, each target one of its own, without gaps and at most 1 in size."""
    places = np.linspace(0, len(panel) - 1, min(len(panel), _SERIES)).round().astype(int)
    found = []
    for i in places:
        for values in panel.series[i].y[-_STEPS:].T:
            known = np.flatnonzero(np.isfinite(values))
            if len(known) > 1:
                some = values[known] / max(np.abs(values[known]).max(), np.finfo(float).tiny)
                found.append(np.interp(np.arange(known[0], len(values)), known, some))
    return found


def _peaks(series: Sequence[Array], count: int = 3) -> list[int]:
    """The lags with the highest local maxima of the mean autocorrelation of all series."""
    total, weight = np.zeros(_LONGEST + 2), np.zeros(_LONGEST + 2)
    for values in series:
        most = min(len(values) // 3, _LONGEST + 1)
        own = _autocorrelation(values)[: most + 1]
        total[: len(own)] += own
        weight[: len(own)] += 1
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0.5 * len(series))
    lags = np.arange(2, _LONGEST + 1)
    tops = lags[(mean[lags] > mean[lags - 1]) & (mean[lags] >= mean[lags + 1]) & (mean[lags] > 0.1)]
    return [int(lag) for lag in sorted(tops, key=lambda lag: -mean[lag])[:count]]


def _autocorrelation(values: Array) -> Array:
    """Of a series without its line, at every lag."""
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean()
    if len(values) > 2:
        centred = centred - steps * (steps @ centred) / (steps @ steps)
    power = np.abs(np.fft.rfft(centred, 2 * len(values))) ** 2
    found: Array = np.fft.irfft(power)[: len(values)]
    return found / max(float(found[0]), np.finfo(float).tiny)


def _relative_error(series: Sequence[Array], horizon: int, season: int) -> float | None:
    """The mean over series of the error of a level with a season, as a share of that of a level
    alone; at most 1 each, since the network need not use what does not help. None if most series
    are too short."""
    shares = []
    for values in series:
        origins = _origins(len(values), horizon, season, len(series))
        if not origins:
            continue
        plain = min(_errors(values, origins, horizon, 1))
        own = min(_errors(values, origins, horizon, season))
        shares.append(min(own / plain, 1.0) if plain > 0 else 1.0)
    return float(np.mean(shares)) if 2 * len(shares) >= len(series) > 0 else None


def _origins(length: int, horizon: int, season: int, count: int) -> list[int]:
    """How many values are known before each held-out forecast, two seasons at least; of one of
    `count` series."""
    last, least = length - horizon, 2 * season + 1
    if last < least:
        return []
    most = max(_ORIGINS[0], _ORIGINS[1] // count)
    places = np.linspace(max(least, min(length // 2, last)), last, most)
    return [int(place) for place in np.unique(places.round())]


def _errors(values: Array, origins: Sequence[int], horizon: int, season: int) -> list[float]:
    """Mean absolute errors of a level with a season, for several rates of the level."""
    found = np.zeros(len(_RATES))
    for origin in origins:
        past, actual = values[:origin], values[origin : origin + horizon]
        index = additive_indices(past, season)
        level = past - index[np.arange(origin) % season]
        ahead = index[(origin + np.arange(len(actual))) % season]
        for i, rate in enumerate(_RATES):
            found[i] += np.abs(_level(level, rate) + ahead - actual).mean()
    return [float(error) for error in found / len(origins)]


def _level(values: Array, rate: float) -> float:
    weights = (1 - rate) ** np.arange(len(values))[::-1]
    return float(weights @ values / weights.sum())


def additive_indices(history: Array, season: int) -> Array:
    """Values of an additive season by the classical decomposition; their mean is 0.

    >>> additive_indices(np.tile([1.0, 3.0], 4), 2).tolist()
    [-1.0, 1.0]
    """
    if season == 1:
        return np.zeros(1)
    sums = np.concatenate([[0.0], np.cumsum(history - history[0])])
    trend = (sums[season:] - sums[:-season]) / season + history[0]
    if season % 2 == 0:
        trend = (trend[1:] + trend[:-1]) / 2
    begin = season // 2
    off = history[begin : begin + len(trend)] - trend
    phase = (begin + np.arange(len(trend))) % season
    count = np.bincount(phase, minlength=season)
    total = np.bincount(phase, off, minlength=season)
    index = np.divide(total, count, out=np.zeros(season), where=count > 0)
    centred: Array = index - index.mean()
    return centred


def _smoothing(series: Sequence[Array], horizon: int, season: int) -> tuple[bool, str]:
    """Whether there is a season, and a level with it is better than the rules that the network has
    anyway: the last value, the mean and the last season."""
    error = _relative_error(series, horizon, season)
    if error is None or error > 1 - _GAIN:
        return False, "smoothing left out: no gain from the season"
    ratios = []
    decay = 0.5 ** (1 / max(season, 20))
    for values in series:
        origins = _origins(len(values), horizon, season, len(series))
        if not origins:
            continue
        own = min(_errors(values, origins, horizon, season))
        rules = np.zeros(3)
        for origin in origins:
            past, actual = values[:origin], values[origin : origin + horizon]
            made = (past[-1], _level(past, 1 - decay), seasonal_naive(past, len(actual), season))
            rules += [np.abs(each - actual).mean() for each in made]
        best = rules.min() / len(origins)
        ratios.append(own / best if best > 0 else 1.0)
    ratio = float(np.median(ratios))
    chosen = ratio < 1 - _SMOOTH_GAIN
    word = "chosen" if chosen else "left out"
    return chosen, f"smoothing {word}: {ratio:.2f} times the error of the best simple rule"
