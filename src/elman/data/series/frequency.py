"""Calendars by the names that pandas gives their frequencies, old names and new ones."""

import re
from typing import Any

import numpy as np

from elman.data.series.calendar import EVERY_DAY, PER_SECOND, WORKDAYS, Calendar, unit_of
from elman.data.series.zones import Times
from elman.errors import SettingsError

_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
_FRACTIONS = {"ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds
_EVERY = {"M": 1, "Q": 3, "Y": 12}  # months
_OLD = {
    "S": "s",
    "sec": "s",
    "T": "min",
    "H": "h",
    "d": "D",
    "w": "W",
    "b": "B",
    "C": "B",
    "L": "ms",
    "U": "us",
    "N": "ns",
    "M": "ME",
    "Q": "QE",
    "q": "QE",
    "Y": "YE",
    "y": "YE",
    "A": "YE",
    "AS": "YS",
    "BM": "BME",
    "BQ": "BQE",
    "BY": "BYE",
    "BA": "BYE",
    "BAS": "BYS",
    "SM": "SME",
}
_OF_STEP = ("kind", "step", "at_end", "unit", "weekmask", "day")  # fields of a calendar
_NAMES = (*_SECONDS, *_FRACTIONS, "B", "SME", "SMS")
_MONTHS = [f"{lead}{every}{end}" for lead in ("", "B") for every in _EVERY for end in ("S", "E")]
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_YEAR = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def named(frequency: str | int, times: Times, *, anchored: bool = True) -> Calendar:
    """The calendar of a frequency, from the earliest of these times on, which must be of the day or
    month that it names if it is to be `anchored`.

    >>> str(named("Mon-Sat", np.array(["2024-01-01"], "M8[s]")))
    'steps of 1 days, Mon Tue Wed Thu Fri Sat'
    """
    is_dated, origin = times.dtype.kind == "M", times.min()
    text = str(frequency).strip()
    if text.isdigit() and len(text) < 18:
        if is_dated or int(text) < 1:
            raise SettingsError(f"frequency={frequency}: a number from 1 is for times as numbers")
        return Calendar("number", int(text), int(origin))
    found = _calendar(text, origin, unit_of(times) if is_dated else "s", anchored=anchored)
    if found is None:
        known = ", ".join((*_NAMES, *_MONTHS))
        raise SettingsError(
            f"frequency={str(frequency)[:40]!r} is unknown; there are {known}, 15min, W-MON,"
            " QS-FEB and days of the week as Mon-Sat"
        )
    if not is_dated:
        raise SettingsError(f"frequency={frequency!r} is for dates, and these times are numbers")
    return found


def is_step_of(frequency: str, calendar: Calendar) -> bool:
    """Whether a frequency is the step of a calendar.

    >>> days = named("D", np.array(["2024-01-01"], "M8[s]"))
    >>> is_step_of("1D", days), is_step_of("24h", days), is_step_of("W", days)
    (True, True, False)
    """
    try:
        found = named(frequency, np.array([calendar.origin]))
    except SettingsError:
        return False
    return all(getattr(found, name) == getattr(calendar, name) for name in _OF_STEP)


def check_frequency(frequency: str) -> None:
    """SettingsError if there is no such frequency."""
    if not (frequency.strip().isdigit() and int(frequency[:18]) > 0):
        named(frequency, np.array(["2024-01-01"], "M8[s]"), anchored=False)


def _calendar(text: str, origin: Any, unit: str, *, anchored: bool) -> Calendar | None:
    if weekmask := _weekmask(text):
        return Calendar("business", 1, origin, unit=unit, weekmask=weekmask)
    parts = re.findall(r"(\d{0,9})([A-Za-z]+)", text.partition("-")[0])
    if not parts or "".join(a + b for a, b in parts) != text.partition("-")[0]:
        return None
    counted = [(int(count or 1), _OLD.get(name, name)) for count, name in parts]
    if any(count < 1 for count, _ in counted):
        return None
    count, name = counted[0]
    anchor = text.partition("-")[2].upper()
    if all(each in (*_SECONDS, *_FRACTIONS) for _, each in counted):
        if anchor and (name != "W" or anchor not in _DAYS or len(counted) > 1):
            return None
        if anchor and anchored:
            _check_anchor(text, anchor, _DAYS[(int(origin.astype("M8[D]").astype(int)) + 3) % 7])
        return _seconds(counted, origin, unit)
    if len(counted) > 1:
        return None
    if name == "B" and not anchor:
        return Calendar("business", count, origin, unit=unit, weekmask=WORKDAYS)
    if name in ("SME", "SMS") and (not anchor or anchor.isdigit()):
        day = int(anchor[:2] or 15)
        if not 2 <= day <= 27:
            return None
        return Calendar("half_months", count, origin, name == "SME", unit=unit, day=day)
    if name not in _MONTHS or (anchor and (anchor not in _YEAR or "M" in name[:2])):
        return None
    months = count * _EVERY[name.removeprefix("B")[0]]
    if anchor and anchored:
        every = _EVERY[name.removeprefix("B")[0]]
        month = int(origin.astype("M8[M]").astype(int)) % 12
        own = [_YEAR[(_YEAR.index(anchor) + i * every) % 12] for i in range(12 // every)]
        _check_anchor(text, anchor, anchor if _YEAR[month] in own else _YEAR[month])
    mask = WORKDAYS if name.startswith("B") else EVERY_DAY
    return Calendar("months", months, origin, name.endswith("E"), unit=unit, weekmask=mask)


def _seconds(parts: list[tuple[int, str]], origin: Any, unit: str) -> Calendar:
    step = sum(n * _SECONDS.get(name, 0) * 10**9 + n * _FRACTIONS.get(name, 0) for n, name in parts)
    for finer, count in PER_SECOND.items():
        if step % (10**9 // count) == 0 and count >= PER_SECOND[unit]:
            return Calendar("seconds", step // (10**9 // count), origin, unit=finer)
    raise AssertionError("every step is one of nanoseconds")


def _weekmask(text: str) -> str | None:
    """Of days such as Mon-Sat, or Mon Wed Fri."""
    mask = set()
    for part in re.split(r"[\s,]+", text.upper()):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            return None
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        mask |= {day % 7 for day in range(begin, end + 1 + 7 * (end < begin))}
    return "".join("1" if day in mask else "0" for day in range(7)) if mask else None


def _check_anchor(text: str, wanted: str, found: str) -> None:
    if wanted != found:
        raise SettingsError(
            f"frequency={text!r} is of {wanted.title()}, and the first time is of {found.title()}"
        )
