"""Regular calendars: what the next time is, where a time stands, and what kind of time it is."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError, SettingsError

Times = NDArray[Any]  # datetime64[s], or int64 where time is a number
_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
_MONTHS = {"MS": 1, "ME": 1, "M": 1, "QS": 3, "QE": 3, "Q": 3, "YS": 12, "YE": 12, "Y": 12}
_DAY = 86400
_ONE_DAY, _A_MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")


@dataclass(frozen=True)
class Calendar:
    """Times a fixed step apart: of so many seconds or months, of business days or of a number.

    **Fields:**

    - `kind`: "seconds", "months", "business" or "number".
    - `step`: how many of them.
    - `origin`: the time that has position 0: datetime64[s], or an int.
    - `at_end`: of months, whether times are their last days.

    >>> hours = Calendar("seconds", 3600, np.datetime64("2024-01-01T00:00:00"))
    >>> str(hours.times(np.array([25]))[0]), hours.season
    ('2024-01-02T01:00:00', 24)
    """

    kind: str
    step: int
    origin: Any
    at_end: bool = False

    @property
    def season(self) -> int:
        """Steps of the shortest season that is usual: a day, of days a week, of months a year."""
        if self.kind == "months":
            return max(1, 12 // self.step)
        if self.kind == "business":
            return 5
        if self.kind == "number":
            return 1
        if self.step < _DAY:
            return max(1, _DAY // self.step)
        return {_DAY: 7, 7 * _DAY: 52}.get(self.step, 1)

    def positions(self, times: Times) -> NDArray[np.int64]:
        """Where times stand, from the origin's 0; DataError where one is between two steps."""
        if self.kind == "months":
            months = times.astype("datetime64[M]") - self.origin.astype("datetime64[M]")
            found, rest = np.divmod(months.astype(np.int64), self.step)
            off = (rest != 0) | (self.times(found) != times)
        elif self.kind == "business":
            days = times.astype("datetime64[D]")
            found = np.busday_count(self.origin.astype("datetime64[D]"), days)
            off = ~np.is_busday(days)
        else:
            found, rest = np.divmod((times - self.origin).astype(np.int64), self.step)
            off = rest != 0
        if off.any():
            raise DataError(
                f"{times[off][0]} is between the steps of a calendar with {self}: give every row"
                " a time of its step (round or aggregate them), or another frequency; where only"
                " the order counts, number the rows"
            )
        positions: NDArray[np.int64] = found.astype(np.int64)
        return positions

    def times(self, positions: NDArray[np.int64]) -> Times:
        """The times at these positions."""
        origin, found = self.origin, self.origin
        if self.kind == "months":
            passed = (positions * self.step).astype("timedelta64[M]")
            months = origin.astype("datetime64[M]") + passed
            if self.at_end:
                last = (months + _A_MONTH).astype("datetime64[D]") - _ONE_DAY
                found = last.astype("datetime64[s]") + (origin - origin.astype("datetime64[D]"))
            else:
                found = months.astype("datetime64[s]") + (origin - origin.astype("datetime64[M]"))
        elif self.kind == "business":
            first = origin.astype("datetime64[D]")
            days = np.busday_offset(first, positions, roll="forward")
            found = days.astype("datetime64[s]") + (origin - first)
        elif self.kind == "number":
            found = origin + positions * self.step
        else:
            found = origin + (positions * self.step).astype("timedelta64[s]")
        times: Times = found
        return times

    def features(self, times: Times) -> NDArray[np.float32]:
        """Of each time where it stands in the day, the week and the year, (T, C), from -1 to 1."""
        if self.kind == "number":
            return np.zeros((len(times), 0), np.float32)
        seconds = times.astype("datetime64[s]").astype(np.int64)
        day = seconds // _DAY
        year = (times.astype("datetime64[D]") - times.astype("datetime64[Y]")).astype(np.int64)
        turns = []
        if self.kind == "seconds" and self.step < _DAY:
            turns += [seconds % _DAY / _DAY, seconds % _DAY / _DAY * 2]
        if self.kind == "business" or (self.kind == "seconds" and self.step <= _DAY):
            turns += [(day + 3) % 7 / 7, (day + 3) % 7 / 7 * 2]  # from Monday on
        turns.append(year / 365.25)
        angles = 2 * np.pi * np.stack(turns, -1)
        return np.concatenate([np.sin(angles), np.cos(angles)], -1).astype(np.float32)

    def __str__(self) -> str:
        unit = {"seconds": "seconds", "months": "months", "business": "business days"}
        return f"steps of {self.step} {unit.get(self.kind, '')}".rstrip()


def calendar_of(times: Times, groups: NDArray[np.int64], frequency: str | int | None) -> Calendar:
    """The calendar of sorted times of several series, by its name or by what the steps are.

    `groups`: the series of each time. Names are those of pandas: "15min", "h", "D", "B", "W", "MS",
    "QS", "YS", or a number.

    >>> months = np.array(["1949-01", "1949-02", "1949-04"], "datetime64[s]")
    >>> calendar_of(months, np.zeros(3, int), None).season
    12
    """
    origin = times.min()
    if frequency is not None:
        return _named(frequency, origin, times)
    gaps = np.diff(times)[np.diff(groups) == 0]
    if not len(gaps):
        raise SettingsError("every series has one row: give frequency, such as D or h")
    if not np.issubdtype(times.dtype, np.datetime64):
        return Calendar("number", int(_usual(gaps)), int(origin))
    month = times.astype("datetime64[M]")
    within = times - month.astype("datetime64[s]")
    next_month = (month + _A_MONTH).astype("datetime64[D]")
    at_end = bool((times.astype("M8[D]") + _ONE_DAY == next_month).all())
    apart = np.diff(month.astype(np.int64))[np.diff(groups) == 0]
    if (apart > 0).all() and (at_end or (within == within[0]).all()):
        return Calendar("months", int(np.gcd.reduce(apart)), origin, at_end)
    step = int(_usual(gaps.astype(np.int64)))
    if step == _DAY and len(times) > 20 and np.is_busday(times.astype("M8[D]")).all():
        return Calendar("business", 1, origin)
    return Calendar("seconds", step, origin)


def _named(frequency: str | int, origin: Any, times: Times) -> Calendar:
    is_dated = np.issubdtype(times.dtype, np.datetime64)
    if isinstance(frequency, int) or frequency.isdigit():
        if is_dated or int(frequency) < 1:
            raise SettingsError(f"frequency={frequency}: a number from 1 is for times as numbers")
        return Calendar("number", int(frequency), int(origin))
    matched = re.fullmatch(r"(\d*)([A-Za-z]+)", frequency.partition("-")[0])
    count, unit = (int(matched[1] or 1), matched[2]) if matched else (0, "")
    if unit not in (*_SECONDS, *_MONTHS, "B") or count < 1:
        known = ", ".join((*_SECONDS, "B", *_MONTHS))
        raise SettingsError(f"frequency={frequency!r} is unknown; there are {known} and 15min")
    if not is_dated:
        raise SettingsError(f"frequency={frequency!r} is for dates, and these times are numbers")
    if unit == "B":
        return Calendar("business", 1, origin)
    if unit in _SECONDS:
        return Calendar("seconds", count * _SECONDS[unit], origin)
    return Calendar("months", count * _MONTHS[unit], origin, "E" in unit)


def _usual(gaps: Any) -> Any:
    """The commonest gap."""
    values, counts = np.unique(gaps, return_counts=True)
    return values[counts.argmax()]
