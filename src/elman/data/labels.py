"""Labels as names: of texts, numbers, one-hot matrices, and of several for one example."""

import datetime
import enum
import numbers
import uuid
from typing import Any

import numpy as np
import torch

from elman.data.frames import columns_of, is_series
from elman.data.values import as_list, is_missing, plain, shown, text_of
from elman.errors import DataError

Labels = list[str] | list[tuple[str, ...]]
_NAMED_BY_VALUE = (
    *(str, numbers.Number, np.generic, uuid.UUID),
    *(datetime.date, datetime.time, datetime.timedelta),
)


def labels_of(values: list[Any], names: list[str], separator: str | None) -> Labels:
    """Labels as strings, or as tuples of them where there may be several.

    **Arguments:**

    - `values`: one label an example, or a collection of labels each. Rows of 0 and 1, all of the
      same length (two or more), are a matrix with a column a class, whose names are "0", "1", ...
    - `names`: where each example comes from, for messages.
    - `separator`: parts the labels of a string.

    Raises `DataError` for what is missing, and for what is neither a name nor a number.

    >>> labels_of([[0, 0, 1], [1, 0, 0]], ["a", "b"], None)
    ['2', '0']
    """
    several = [_is_several(value) for value in values]
    if values and all(several) and (matrix := _matrix(values)) is not None:
        return _of_matrix(matrix, [str(i) for i in range(matrix.shape[1])])
    if separator is None and not any(several):
        return [_label(value, name) for value, name in zip(values, names, strict=True)]
    labels: list[tuple[str, ...]] = []
    for value, name, is_list in zip(values, names, several, strict=True):
        if is_list:
            items = list(value) if isinstance(value, (set, frozenset)) else as_list(value, "labels")
            found = [_label(item, name) for item in items]
            if isinstance(value, (set, frozenset)):
                found.sort()
            if any(_is_fraction(plain(item)) for item in items) or (
                len(set(found)) < len(found) and not isinstance(plain(items[0]), str)
            ):
                raise DataError(
                    f"{name}: {shown(value)} are not labels; a matrix of labels holds 0 and 1, a"
                    " column a class"
                )
        elif separator is not None:
            text = "" if is_missing(plain(value)) else str(_label(value, name, empty=True))
            found = [item.strip() for item in text.split(separator) if item.strip()]
        else:
            raise DataError(f"{name}: one label ({shown(value)}) where other examples have a list")
        labels.append(tuple(dict.fromkeys(found)))
    return labels


def label_list(labels: Any) -> list[Any]:
    """The label of each example from a list, an array, a series or a dataframe.

    A dataframe of several columns holds 0 and 1, and its columns' names are the classes.
    """
    columns = columns_of(labels, "the dataframe of labels")
    if columns is None:
        values = as_list(labels, "labels")
        column = getattr(labels, "ndim", 1) == 2 and labels.shape[1] == 1
        return [row[0] for row in values] if column else values
    if len(columns) == 1:
        return next(iter(columns.values()))
    matrix = _matrix([list(row) for row in zip(*columns.values(), strict=True)])
    if matrix is None:
        raise DataError(
            f"labels are a dataframe with the columns {', '.join(columns)}: give one column, or"
            " one of 0 and 1 for each class"
        )
    return list(_of_matrix(matrix, list(columns)))


def _is_several(value: Any) -> bool:
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return value.ndim > 0
    return isinstance(value, (list, tuple, set, frozenset)) or (
        not isinstance(value, str) and is_series(value)
    )


def _matrix(rows: list[Any]) -> "np.ndarray[Any, np.dtype[np.bool_]] | None":
    """Rows of 0 and 1 as an array (N, C) if they are that, C two or more."""
    if any(isinstance(row, (set, frozenset)) for row in rows):
        return None
    lists = [as_list(row, "labels") for row in rows]
    width = len(lists[0]) if lists else 0
    if width < 2 or any(len(row) != width for row in lists):
        return None
    found = np.zeros((len(lists), width), bool)
    for i, row in enumerate(lists):
        for j, value in enumerate(map(plain, row)):
            if not isinstance(value, (numbers.Real, np.bool_)) or value not in (0, 1):
                return None
            found[i, j] = bool(value)
    return found


def _of_matrix(matrix: "np.ndarray[Any, np.dtype[np.bool_]]", classes: list[str]) -> Labels:
    if (matrix.sum(1) == 1).all():
        return [classes[i] for i in matrix.argmax(1)]
    return [tuple(classes[i] for i in np.flatnonzero(row)) for row in matrix]


def _is_fraction(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and not float(value).is_integer()


def _label(value: Any, name: str, *, empty: bool = False) -> str:
    try:
        value = text_of(value)
    except UnicodeDecodeError:
        raise DataError(f"{name}: the label {shown(value)} is not text in UTF-8") from None
    if isinstance(value, enum.Enum) and not isinstance(value, (str, numbers.Number)):
        return _label(value.value, name)
    if is_missing(value):
        raise DataError(f"{name}: the label is missing")
    if not isinstance(value, _NAMED_BY_VALUE):
        raise DataError(
            f"{name}: the label is a {type(value).__name__} ({shown(value)}), where a name or a"
            " number is needed"
        )
    try:
        label = str(value).strip()
        label.encode()
    except UnicodeEncodeError:
        raise DataError(f"{name}: the label {shown(value)} holds half a character") from None
    except ValueError:
        raise DataError(f"{name}: the label is {shown(value)}") from None
    if not label and not empty:
        raise DataError(f"{name}: the label is missing")
    return label
