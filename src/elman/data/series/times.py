"""The times of a table's column, whichever way they are written."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data.series.zones import Times, offset_name, wall_times, zone_name
from elman.errors import DataError

_UNITS = ("s", "ms", "us", "ns")
_WHOLE = re.compile(r"\s*[+-]?\d{1,18}(\.0*)?\s*")
_DATE = re.compile(r"\d{4}-\d")
_OFFSET = re.compile(r"(.*:.*?)\s*(Z|z|[+-]\d\d(?::?\d\d)?)$")
_NEEDED = (
    "a date such as 2024-01-31, 2024-01-31 18:00:00, 20240131 or 202401, or a whole number is"
    " needed"
)
# Dates that are written as whole numbers, by their digits.
_COMPACT = {6: "YYYYMM", 8: "YYYYMMDD", 10: "YYYYMMDDHH", 12: "YYYYMMDDHHMM", 14: "YYYYMMDDHHMMSS"}
_YEARS = np.array(["1900", "2101"], "M8[s]")


class ReadTimes(NamedTuple):
    """Times (n,) of int64 or datetime64, which are in UTC if there is a `zone`; `notes` say what
    was guessed."""

    values: Times
    zone: str | None = None
    notes: tuple[str, ...] = ()


def is_missing(value: Any) -> bool:
    """Whether a field of a table is empty: None, NaN, NaT, NA or nothing but white space."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA is neither equal nor unequal
        return True
    except ValueError:  # an array
        return False


def read_times(
    values: Sequence[Any], name: str, row: Callable[[int], str], *, dated: bool | None = None
) -> ReadTimes:
    """Read a column of times.

    Whole numbers that all are dates as YYYYMMDD, YYYYMM, ... are taken for those, unless `dated`
    says that times are numbers. `row` says where a value stands, for messages.

    >>> read_times(["20231231", "20240101"], "day", str).values
    array(['2023-12-31T00:00:00', '2024-01-01T00:00:00'],
          dtype='datetime64[s]')
    """
    if len(values) and all(isinstance(v, np.datetime64) for v in values):
        return ReadTimes(coarsest(_known(np.array(values), name, row)))
    for i, value in enumerate(values):
        if is_missing(value):
            raise DataError(f"{row(i)}: {name} is missing")
    if all(map(_is_whole, values)):
        numbers = np.array([int(float(v)) if "." in str(v) else int(v) for v in values], np.int64)
        dates = None if dated is False else _compact(numbers)
        if dates is None:
            return ReadTimes(numbers)
        form = _COMPACT[len(str(numbers[0]))]
        return ReadTimes(dates, notes=(f"{name} is read as dates, {form}",))
    texts = [v.strip() if isinstance(v, str) else v for v in values]
    found, offsets = _dates(texts, name, row)
    if not offsets:
        return ReadTimes(coarsest(_known(found, name, row)))
    return _in_zone(found, offsets, name, row)


def coarsest(times: Times) -> Times:
    """Times in seconds, or in the first of ms, us and ns that cuts nothing."""
    for unit in _UNITS:
        if not (times.astype(f"M8[{unit}]") != times).any():
            break
    kept: Times = times.astype(f"M8[{unit}]")
    return kept


def _known(times: Times, name: str, row: Callable[[int], str]) -> Times:
    if np.isnat(times).any():
        at = int(np.flatnonzero(np.isnat(times))[0])
        raise DataError(f"{row(at)}: {name} is missing")
    return times


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return _WHOLE.fullmatch(value) is not None
    if isinstance(value, (int, np.integer)):
        return not isinstance(value, bool) and abs(int(value)) < 10**18
    is_float = isinstance(value, (float, np.floating))
    return is_float and float(value).is_integer() and abs(float(value)) < 1e15


def _compact(numbers: NDArray[np.int64]) -> Times | None:
    """Dates that are written as whole numbers; None if these are none."""
    digits = {len(str(number)) for number in np.unique(numbers)}
    if len(digits) > 1 or next(iter(digits)) not in _COMPACT or (numbers < 0).any():
        return None
    count = next(iter(digits))
    parts = [numbers // 10 ** (count - 4)]  # the year, then two digits each
    parts += [numbers // 10 ** (count - 6 - 2 * i) % 100 for i in range((count - 4) // 2)]
    parts += [np.full(len(numbers), first) for first in (1, 1, 1, 0, 0, 0)[len(parts) :]]
    year, month, day, hour, minute, second = parts
    if (month < 1).any() or (month > 12).any() or (day < 1).any():
        return None
    if (hour > 23).any() or (minute > 59).any() or (second > 59).any():
        return None
    months = (year - 1970).astype("M8[Y]").astype("M8[M]") + (month - 1).astype("m8[M]")
    days = months.astype("M8[D]") + (day - 1).astype("m8[D]")
    if (days.astype("M8[M]") != months).any():
        return None
    times: Times = days.astype("M8[s]") + (hour * 3600 + minute * 60 + second).astype("m8[s]")
    return times if ((times >= _YEARS[0]) & (times < _YEARS[1])).all() else None


def _dates(
    values: list[Any], name: str, row: Callable[[int], str]
) -> tuple[Times, dict[int, str | int]]:
    """Times as their clocks show them or, of datetimes with a zone, in UTC; and by each row the
    zone's name or, of texts, the seconds of its offset."""
    offsets: dict[int, str | int] = {}
    plain: list[Any] = []
    for i, value in enumerate(values):
        if isinstance(value, str):
            if not _DATE.match(value):
                raise DataError(f"{row(i)}: {name} is {value[:60]!r}: {_NEEDED}")
            if matched := _OFFSET.fullmatch(value):
                value, offsets[i] = matched[1], _seconds(matched[2])
        elif isinstance(value, datetime):
            if value.tzinfo is not None:
                offsets[i] = zone_name(value.tzinfo, value)
            # pandas' timestamps have nanoseconds, which datetime has not
            value = (
                value.to_datetime64()
                if hasattr(value, "to_datetime64")
                else np.datetime64(_naive(value), "us")
            )
        elif hasattr(value, "to_timestamp"):  # a period
            value = value.to_timestamp().to_datetime64()
        elif not isinstance(value, (date, np.datetime64)):
            raise DataError(f"{row(i)}: {name} is {str(value)[:60]!r}: {_NEEDED}")
        plain.append(value)
    if all(isinstance(value, str) for value in plain):
        try:
            return np.array(plain, "M8"), offsets
        except ValueError:
            pass
    units = []
    for i, value in enumerate(plain):
        try:
            units.append(np.datetime64(value))
        except ValueError:
            raise DataError(f"{row(i)}: {name} is {str(value)[:60]!r}: {_NEEDED}") from None
    return np.array(units), offsets


def _naive(value: datetime) -> datetime:
    offset = value.utcoffset()
    return value.replace(tzinfo=None) - offset if offset is not None else value


def _seconds(text: str) -> int:
    digits = text.lstrip("+-Zz").replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if text.startswith("-") else seconds


def _in_zone(
    found: Times, offsets: dict[int, str | int], name: str, row: Callable[[int], str]
) -> ReadTimes:
    """Times with a zone, in UTC, and the one zone that all have."""
    if len(offsets) < len(found):
        at = next(i for i in range(len(found)) if i not in offsets)
        raise DataError(f"{row(at)}: {name} has no time zone, and other rows have one")
    found = _known(found, name, row)
    own = [offsets[i] for i in range(len(found))]
    texts = [each for each in own if isinstance(each, int)]
    if len(texts) not in (0, len(own)):
        raise DataError(f"{name} mixes texts and datetimes with time zones: choose one of them")
    if texts:
        walls = coarsest(found)
        seconds = np.array(texts, np.int64)
        found = walls - seconds.astype("m8[s]")
    names = sorted({each if isinstance(each, str) else offset_name(each) for each in own})
    if len(names) == 1:
        return ReadTimes(coarsest(found), names[0])
    if not texts:
        walls = coarsest(
            np.concatenate([wall_times(found[[i]], str(own[i])) for i in range(len(own))])
        )
    some = ", ".join(names[:4])
    if len({int(t) for t in (walls - walls.astype("M8[D]")).astype(np.int64)}) == 1:
        return ReadTimes(
            walls, notes=(f"{name} has several time zones ({some}), and is read without them",)
        )
    return ReadTimes(
        coarsest(found), "UTC", (f"{name} has several time zones ({some}), and is read in UTC",)
    )
