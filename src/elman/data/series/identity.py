"""Names of series: the same whether a file, a dataframe or a database gives them."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from numbers import Number
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from elman.data.series.times import is_missing
from elman.errors import DataError

_LONGEST = 1000  # characters


def name_of(value: Any) -> str | None:
    """A series' id as text, None if it cannot be one: 1, 1.0 and "1" are the same.

    >>> name_of(7.0), name_of(np.int64(7)), name_of("7"), name_of(["7"])
    ('7', '7', '7', None)
    """
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Decimal) and value.is_finite():
        value = value.normalize()
        value = int(value) if value == value.to_integral() and abs(value) < 10**18 else value
    is_scalar = isinstance(value, (str, Number, date, np.datetime64, UUID))
    if not is_scalar and not hasattr(value, "to_timestamp"):  # as pandas' periods have it
        return None
    try:
        text = str(value)
        text.encode()
    except ValueError:  # a lone surrogate, a number with thousands of digits
        return None
    return text if len(text) <= _LONGEST else None


def series_names(
    values: Sequence[Any], column: str, row: Callable[[int], str]
) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """The series' names, in the order in which they come, each with what stands in the column; and
    each row's series.

    Raises `DataError` for a row without an id, for what cannot be saved as text, and where a number
    and a text have the same name.

    >>> series_names([2, 1, 2], "shop", str)
    ({'2': 2, '1': 1}, array([0, 1, 0]))
    """
    number: dict[Any, int] = {}
    try:
        group = np.array([number.setdefault(each, len(number)) for each in values], np.int64)
    except TypeError:  # what cannot be hashed
        number = {}
        group = np.zeros(len(values), np.int64)
        _refuse(values, column, row)
    first = np.full(len(number), -1)
    first[group[::-1]] = np.arange(len(group))[::-1]
    ids: dict[str, Any] = {}
    for i, value in zip(first.tolist(), number, strict=True):
        if is_missing(value):
            raise DataError(f"{row(i)}: {column} is missing")
        name = name_of(value)
        if name is None:
            _refuse([value], column, lambda _, i=i: row(i))  # type: ignore[misc]
        elif name in ids:
            raise DataError(
                f"{row(i)}: {column} is {value!r}, and {ids[name]!r} in another row: write the"
                " series' names in one way"
            )
        else:
            ids[name] = value
    return ids, group


def _refuse(values: Sequence[Any], column: str, row: Callable[[int], str]) -> None:
    for i, value in enumerate(values):
        if not is_missing(value) and name_of(value) is None:
            raise DataError(
                f"{row(i)}: {column} is {repr(value)[:60]}: a text of at most {_LONGEST}"
                " characters, a number or a date is needed"
            )
    raise DataError(f"{column} holds values that cannot be names of series")
