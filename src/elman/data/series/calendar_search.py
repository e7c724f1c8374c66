"""The calendar of some times, by its name or by what their steps are."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.calendar import PER_SECOND, WORKDAYS, Calendar, day_of, last_day, unit_of
from elman.data.series.frequency import named
from elman.data.series.zones import Times, wall_times
from elman.errors import DataError, SettingsError

_DAY = 86400


def calendar_of(
    times: Times,
    groups: NDArray[np.int64],
    frequency: str | int | None = None,
    zone: str | None = None,
) -> Calendar:
    """The calendar of sorted times of several series, by its name or by what the steps are.

    `groups`: the series of each time. Names are those of pandas: "15min", "h", "D", "B", "W", "MS",
    "QS", "YS", ..., days of the week such as "Mon-Sat", or a number. With a `zone` times are in
    UTC; steps of days and longer follow the zone's own clocks.

    >>> months = np.array(["1949-01", "1949-02", "1949-04"], "datetime64[s]")
    >>> calendar_of(months, np.zeros(3, int), None).season
    12
    """
    if zone is None:
        return _calendar_of(times, groups, frequency)
    by_clock = _calendar_of(wall_times(times, zone), groups, frequency)
    origin = times.min()
    local = replace(by_clock, origin=origin, zone=zone, local=True)
    elapsed = replace(_calendar_of(times, groups, frequency), origin=origin, zone=zone)
    short = local.kind == "seconds" and local.step < _DAY * PER_SECOND[local.unit]
    both = (elapsed, local) if short else (local, elapsed)
    for each in both:
        try:
            _positions(each, times, groups)
        except DataError:
            continue
        return each
    return both[0]


def phases_of(calendar: Calendar, times: Times, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The phase of each series, by the first time of each of the sorted groups."""
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.array([calendar.phase(time) for time in times[first]], np.int64)


def _positions(calendar: Calendar, times: Times, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    return calendar.positions(times, phases_of(calendar, times, groups)[groups])


def _calendar_of(times: Times, groups: NDArray[np.int64], frequency: str | int | None) -> Calendar:
    if frequency is not None:
        return named(frequency, times)
    within = np.diff(groups) == 0
    gaps = np.diff(times)[within]
    if not len(gaps):
        raise SettingsError("every series has one row: give frequency, such as D or h")
    origin = times.min()
    if times.dtype.kind != "M":
        return Calendar("number", int(_usual(gaps)), int(origin))
    unit = unit_of(times)
    return (
        _months(times, within)
        or _half_months(times, gaps)
        or _week(times, within)
        or Calendar("seconds", int(_usual(gaps.astype(np.int64))), origin, unit=unit)
    )


def _months(times: Times, within: NDArray[np.bool_]) -> Calendar | None:
    month = times.astype("M8[M]")
    apart = np.diff(month.astype(np.int64))[within]
    days = times.astype("M8[D]")
    if not (apart > 0).all():
        return None
    calendar = Calendar("months", int(np.gcd.reduce(apart)), times.min(), unit=unit_of(times))
    if (days == last_day(month)).all():
        return replace(calendar, at_end=True)
    since = times - month.astype("M8[D]")
    if (np.diff(since)[within] == np.timedelta64(0)).all():
        return calendar
    for at_end, edge in ((True, last_day(month)), (False, day_of(month, 1))):
        roll: Any = "backward" if at_end else "forward"
        if (days == np.busday_offset(edge, 0, roll=roll)).all():
            return replace(calendar, at_end=at_end, weekmask=WORKDAYS)
    return None


def _half_months(times: Times, gaps: Times) -> Calendar | None:
    month, days = times.astype("M8[M]"), times.astype("M8[D]")
    usual = _usual(gaps.astype("m8[D]").astype(np.int64))
    if not 13 <= usual <= 17 or not _one_hour(times):
        return None
    of_month = (days - month.astype("M8[D]")).astype(np.int64) + 1
    at_end = bool((days == last_day(month)).any() and not (of_month == 1).any())
    edge = days == (last_day(month) if at_end else day_of(month, 1))
    other = np.unique(of_month[~edge])
    if len(other) != 1 or not edge.any() or other[0] > 28:
        return None
    unit = unit_of(times)
    return Calendar("half_months", 1, times.min(), at_end, unit=unit, day=int(other[0]))


def _week(times: Times, within: NDArray[np.bool_]) -> Calendar | None:
    """Days of which some of the week are always missing."""
    days = times.astype("M8[D]")
    weekday = (days.astype(np.int64) + 3) % 7
    seen = np.bincount(weekday, minlength=7)
    mask = "".join("1" if count else "0" for count in seen)
    if len(times) <= 20 or not 2 <= mask.count("1") <= 6 or not _one_hour(times):
        return None
    origin = days.min()
    position = np.busday_count(origin, days, weekmask=mask)
    apart = np.diff(position)[within]
    if _usual(apart) != 1:
        return None
    share = len(times) / (len(times) + (apart - 1).sum())
    if mask != WORKDAYS and (share < 0.8 or seen[seen > 0].min() < 3):
        return None
    return Calendar("business", 1, times.min(), unit=unit_of(times), weekmask=mask)


def _one_hour(times: Times) -> bool:
    return len(np.unique(times - times.astype("M8[D]"))) == 1


def _usual(gaps: Any) -> Any:
    """The commonest gap."""
    values, counts = np.unique(gaps, return_counts=True)
    return values[counts.argmax()]
