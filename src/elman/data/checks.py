"""Checks of the numbers and texts that readers, vocabularies and batches are given."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.values import as_list, shown
from elman.errors import DataError, SettingsError

_MOST = 2**31 - 1
_INTEGERS = (int, np.integer)


def whole(value: Any, argument: str, low: int = 0) -> int:
    """A whole number from `low` to 2^31 - 1; else a `SettingsError` that names the argument.

    >>> whole(0, "batch_size", 1)
    Traceback (most recent call last):
    elman.errors.SettingsError: batch_size=0: a whole number, at least 1, is needed
    """
    if not isinstance(value, _INTEGERS) or value < low:
        raise SettingsError(f"{argument}={shown(value)}: a whole number, at least {low}, is needed")
    if value > _MOST:
        raise SettingsError(f"{argument}={shown(value)}: at most {_MOST} is possible")
    return int(value)


def share(value: Any, argument: str = "fraction") -> float:
    """A number between 0 and 1, both excluded; else a `SettingsError` that names the argument."""
    if not isinstance(value, (*_INTEGERS, float, np.floating)) or not 0 < value < 1:
        raise SettingsError(f"{argument}={shown(value)}: a number between 0 and 1 is needed")
    return float(value)


def indices(values: Any, argument: str, size: int | None = None) -> NDArray[np.int64]:
    """Whole numbers from 0, (N,), of a size below `size`; else a `DataError`."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu" and values.ndim == 1:
        items = [values.min(), values.max()] if len(values) else []
        found = values.astype(np.int64)
    else:
        items = as_list(values, argument)
        found = None
    for item in items:
        if not isinstance(item, _INTEGERS) or not 0 <= item < (_MOST if size is None else size):
            limit = "" if size is None else f" to {size - 1}"
            raise DataError(f"{argument} must be whole numbers from 0{limit}, got {shown(item)}")
    return np.array(items, np.int64) if found is None else found


def strings(texts: Iterable[Any], argument: str = "texts") -> Iterator[str]:
    """The texts one by one; a `DataError` for what is not one."""
    if isinstance(texts, str):
        raise SettingsError(f"{argument} is one string; give a list of texts")
    for i, text in enumerate(texts if isinstance(texts, Iterator) else as_list(texts, argument)):
        if not isinstance(text, str):
            raise DataError(f"{argument}: item {i} is {shown(text)}, not a string")
        yield text
