"""Arguments of a forecaster's methods, checked before anything is computed."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from elman.errors import SettingsError
from elman.tasks.forecast.settings import LONGEST, QUANTILES

_MOST = 100 * (QUANTILES[-1] - QUANTILES[0])


def whole_number(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """An argument that is a whole number within bounds; SettingsError if it is none.

    >>> whole_number("h", np.int64(3))
    3
    """
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < least or (most is not None and value > most):
        upto = "" if most is None else f" to {most:,}"
        raise SettingsError(
            f"{name}={str(value)[:60]}: a whole number from {least}{upto} is needed"
        )
    return int(value)


def steps_ahead(h: Any, horizon: int, *, any_length: bool) -> int:
    """How far to forecast: up to the horizon unless `any_length` will do."""
    if h is None:
        return horizon
    if any_length:
        return whole_number("h", h, most=LONGEST)
    if not isinstance(h, (int, np.integer)) or isinstance(h, bool) or not 1 <= h <= horizon:
        raise SettingsError(f"h={str(h)[:60]}: this model was trained for 1 to {horizon} steps")
    return int(h)


def percents(level: Any) -> list[float]:
    """Percents of central intervals, in order, each once.

    >>> percents([95, 80.0, 80])
    [80.0, 95.0]
    """
    values = (
        list(level)
        if isinstance(level, Iterable) and not isinstance(level, (str, bytes))
        else [level]
    )
    found = set()
    for value in values:
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not is_number or not 0 < value <= _MOST + 1e-9:
            shown = f"{value:g}" if is_number else repr(value)[:60]
            raise SettingsError(f"level={shown}: numbers above 0 and up to {_MOST:g} are needed")
        found.add(float(value))
    return sorted(found)
