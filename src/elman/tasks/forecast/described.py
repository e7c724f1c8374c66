"""What describes a series, numbers and names, as inputs of the network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.data import PanelSeries
from elman.data.series.identity import name_of
from elman.data.series.times import is_missing
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.tasks.forecast.history import View

Array = NDArray[np.float64]
Categories = tuple[tuple[str, ...] | None, ...]
_SAME = 1e-9  # a spread below this share of the size is one of rounding


def scale_of(values: Array) -> tuple[float, float]:
    """The mean and the deviation of numbers, which is never 0: of equal ones their size, or 1.

    >>> scale_of(np.array([1.0, 3.0])), scale_of(np.array([5.0, 5.0])), scale_of(np.zeros(0))
    ((2.0, 1.0), (5.0, 5.0), (0.0, 1.0))
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not largest:
        return 0.0, 1.0
    mean, spread = ((values / largest).mean(), (values / largest).std())  # no square overflows
    return float(mean * largest), float(spread * largest if spread > _SAME else largest)


def number_of(value: Any) -> float | None:
    """A static value as a number, also from text; None if it is none, or is missing."""
    if is_missing(value) or isinstance(value, (bool, np.bool_)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def static_view(
    rows: Sequence[tuple[Any, ...]], columns: int
) -> tuple[Categories, tuple[tuple[float, float], ...]]:
    """How static columns become numbers, by the values of all series: of names the categories, of
    numbers None, mean and deviation."""
    categories: list[tuple[str, ...] | None] = []
    scales = []
    for i in range(columns):
        values = [row[i] for row in rows if not is_missing(row[i])]
        numbers = [number for number in map(number_of, values) if number is not None]
        if values and len(numbers) == len(values):
            categories.append(None)
            finite = np.array(numbers)
            scales.append(scale_of(finite[np.isfinite(finite)]))
        else:
            categories.append(tuple(sorted({_category(value) for value in values})))
            scales.append((0.0, 1.0))
    return tuple(categories), tuple(scales)


def static_of(columns: Sequence[str], series: PanelSeries, view: "View") -> Array:
    """What describes a series, as numbers; DataError where a number is needed and there is none."""
    parts: list[float] = []
    for column, value, names, (mean, deviation) in zip(
        columns, series.static, view.categories, view.static_scale, strict=True
    ):
        if names is None:
            number = number_of(value)
            if number is None or not np.isfinite(number):
                raise DataError(
                    f"{column} of the series {series.name} is {str(value)[:60]}, not a number"
                )
            parts.append((number - mean) / deviation)
        else:
            own = (str(value), _category(value))
            parts += [float(name in own) for name in names]
    return np.array(parts)


def _category(value: Any) -> str:
    """A name as text: 1 and 1.0 are the same one."""
    return name_of(value) or str(value)
