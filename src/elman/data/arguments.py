"""Checks of arguments: clear errors for what is no number, no list and no string."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from elman.data.values import shown
from elman.errors import SettingsError


def check_number(name: str, value: Any, least: float = -1e9, most: float = 1e9) -> None:
    """Raise SettingsError if a value is not a number from `least` to `most`."""
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    is_huge = isinstance(value, int) and abs(value) > 10**300
    if isinstance(value, bool) or not is_number or is_huge or not least <= value <= most:
        raise SettingsError(
            f"{name} must be a number from {least:g} to {most:g}, not {shown(value)}"
        )


def listed(values: Iterable[Any], name: str, kind: type, what: str) -> list[Any]:
    """The values as a list; SettingsError if they are one string, no list or of another type."""
    if isinstance(values, str):
        raise SettingsError(f"{name} is one string; give a list of {what}")
    try:
        found = list(values)
    except TypeError:
        raise SettingsError(
            f"{name} must be a list of {what}, not a {type(values).__name__}"
        ) from None
    for value in found:
        if not isinstance(value, kind):
            raise SettingsError(f"{name} must be {what}; one of them is a {type(value).__name__}")
    return found
