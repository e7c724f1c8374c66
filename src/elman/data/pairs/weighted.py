"""Several files of pairs with weights, as one string of the command line writes them."""

import math
import numbers
from collections.abc import Callable
from typing import Any

from elman.data.values import shown
from elman.errors import SettingsError


def weighted_parts(text: str, is_there: Callable[[str], bool]) -> list[tuple[str, float]]:
    """The sources that `a.tsv,b.tsv=0.2` names, each with its weight.

    **Arguments:** `is_there`: whether a part names a file or a dataset as it is, which goes first.

    >>> weighted_parts("a.tsv,b.tsv=0.2", lambda part: part.endswith(".tsv"))
    [('a.tsv', 1.0), ('b.tsv', 0.2)]
    """
    if is_there(text):
        return [(text, 1.0)]
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and not all(parts):
        raise SettingsError(f"{shown(text)}: nothing stands between two of its commas")
    return [_with_weight(part, is_there) for part in parts]


def _with_weight(part: str, is_there: Callable[[str], bool]) -> tuple[str, float]:
    path, mark, number = part.rpartition("=")
    if not mark or is_there(part):
        return part, 1.0
    try:
        weight = float(number)
    except ValueError:
        return part, 1.0
    return path, check_weight(weight, path)


def check_weight(value: Any, path: object) -> float:
    """A weight, a finite number above 0; else a `SettingsError`."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        weight = float(value)
        if weight > 0 and math.isfinite(weight):
            return weight
    raise SettingsError(f"the weight of {path} is {shown(value)}: a number above 0 is needed")
