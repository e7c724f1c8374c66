"""What any forecast is measured against: simple rules, and statsmodels' where it is installed.

Each takes the history, (T,) without gaps, the horizon h and the season's length, and gives (h,).
"""

import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rule = Callable[[Array, int, int], Array]
SLOW = ("ets", "arima")  # rules of which each forecast takes a second or so
_USUAL = (1e-3, 1e9)  # sizes at which values are fitted as they are
_RECENT = 5000  # values to which they are fitted: more take minutes


def naive(history: Array, horizon: int, season: int) -> Array:  # noqa: ARG001
    """The last value again.

    >>> naive(np.array([1.0, 2.0]), 2, 1)
    array([2., 2.])
    """
    return np.full(horizon, history[-1])


def seasonal_naive(history: Array, horizon: int, season: int) -> Array:
    """The last season again; the last value where there is no whole one.

    >>> seasonal_naive(np.array([1.0, 2.0, 3.0]), 3, 2)
    array([2., 3., 2.])
    """
    if len(history) < season:
        return naive(history, horizon, 1)
    last: Array = history[len(history) - season + np.arange(horizon) % season]
    return last


def drift(history: Array, horizon: int, season: int) -> Array:  # noqa: ARG001
    """On along the line from the first value to the last.

    >>> drift(np.array([1.0, 2.0, 3.0]), 2, 1)
    array([4., 5.])
    """
    slope = (history[-1] - history[0]) / max(1, len(history) - 1)
    line: Array = history[-1] + slope * np.arange(1, horizon + 1)
    return line


def naive2(history: Array, horizon: int, season: int) -> Array:
    """The M4 competition's benchmark: naive, of the series without its season where it has one.

    The season is divided out by the classical decomposition, where the autocorrelation at its lag
    is significant at 90 % (Makridakis et al. 2020).
    """
    if not is_seasonal(history, season):
        return naive(history, horizon, season)
    index = seasonal_indices(history, season)
    adjusted = history[-1] / index[(len(history) - 1) % season]
    seasonal: Array = adjusted * index[(len(history) + np.arange(horizon)) % season]
    return seasonal


def is_seasonal(history: Array, season: int) -> bool:
    """Whether the autocorrelation at the season's lag is significant at 90 %."""
    if season <= 1 or len(history) < 3 * season:
        return False
    centred = history - history.mean()
    square = (centred**2).sum()
    if not square:
        return False
    lags = [(centred[lag:] * centred[:-lag]).sum() / square for lag in range(1, season + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * np.square(lags[:-1]).sum()) / len(history))
    return bool(abs(lags[-1]) > limit)


def seasonal_indices(history: Array, season: int) -> Array:
    """Factors of a multiplicative season by the classical decomposition; their mean is 1."""
    weights = np.ones(season) / season
    if season % 2 == 0:
        weights = np.array([0.5, *np.ones(season - 1), 0.5]) / season
    trend = np.convolve(history, weights, "valid")
    begin = (len(weights) - 1) // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = history[begin : begin + len(trend)] / trend
    phase = (begin + np.arange(len(trend))) % season
    found = np.array([np.nanmean(ratio[phase == i]) for i in range(season)])
    indices: Array = found * season / found.sum()
    return indices


def ets(history: Array, horizon: int, season: int) -> Array:
    """Exponential smoothing with a damped trend and a season, by statsmodels: additive, and
    multiplicative if all values are positive and that fits better (AICc)."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    history, unit = _measured(history[-_RECENT:])
    has_season = season > 1 and len(history) >= 2 * season
    kinds = ["add", "mul"] if has_season and history.min() > 0 else ["add" if has_season else None]
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in kinds:
            model = ExponentialSmoothing(
                history,
                trend="add",
                damped_trend=True,
                seasonal=kind,
                seasonal_periods=season if kind else None,
                initialization_method="estimated",
            )
            fits.append(model.fit())
        best = min(fits, key=lambda fit: fit.aicc)
        return np.asarray(best.forecast(horizon), float) * unit


def arima(history: Array, horizon: int, season: int) -> Array:
    """Box & Jenkins' airline model, ARIMA (0, 1, 1)(0, 1, 1), by statsmodels; of logarithms if all
    values are positive, and without the season if that has more than 12 steps."""
    from statsmodels.tsa.arima.model import ARIMA

    history, unit = _measured(history[-_RECENT:])
    has_season = 1 < season <= 12 and len(history) >= 3 * season
    positive = history.min() > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ARIMA(
            np.log(history) if positive else history,
            order=(0, 1, 1),
            seasonal_order=(0, 1, 1, season) if has_season else (0, 0, 0, 0),
        )
        found = np.asarray(model.fit().forecast(horizon), float)
    return (np.exp(found) if positive else found) * unit


def _measured(history: Array) -> tuple[Array, float]:
    """Values in a unit in which their squares are floats and no tolerance hides them; and that."""
    largest = float(np.abs(history).max(initial=0))
    unit = 1.0 if largest == 0 or _USUAL[0] < largest < _USUAL[1] else largest
    return history / unit, unit


def rules() -> Mapping[str, Rule]:
    """The rules by name; ETS and ARIMA if statsmodels is installed."""
    found: dict[str, Rule] = {"naive": naive, "seasonal_naive": seasonal_naive, "drift": drift}
    if find_spec("statsmodels"):
        found |= {"ets": ets, "arima": arima}
    return found
