"""Regular calendars: what the next time is, where a time stands, and what kind of time it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.series.zones import Times, instants_of, wall_times
from elman.errors import DataError

_DAY = 86400
_ONE_DAY, _A_MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")
PER_SECOND = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}
EVERY_DAY, WORKDAYS = "1111111", "1111100"  # days of the week from Monday on
Phase = Any  # an int, or (n,) of them


@dataclass(frozen=True)
class Calendar:
    """Times a fixed step apart: of so many seconds, months or half months, of business days or of
    a number.

    **Fields:**

    - `kind`: "seconds", "months", "half_months", "business" or "number".
    - `step`: how many of them; of seconds how many of `unit`.
    - `origin`: the time that has position 0: datetime64, or an int. In UTC if there is a zone.
    - `at_end`: of months, whether times are their last days; of half months, whether one is.
    - `unit`: s, ms, us or ns, in which times are.
    - `weekmask`: the days that count, from Monday on; of months, whose first or last such day.
    - `day`: of half months, that of the other time.
    - `zone`: the time zone in which days begin; times are in UTC then.
    - `local`: whether steps are those of clocks in that zone, so that days may have 23 hours.

    A series may be in step with a calendar but stand apart from it by a `phase`, such as weeks that
    begin on another day: so many units, see `phase`.

    >>> hours = Calendar("seconds", 3600, np.datetime64("2024-01-01T00:00:00"))
    >>> str(hours.times(np.array([25]))[0]), hours.season
    ('2024-01-02T01:00:00', 24)
    """

    kind: str
    step: int
    origin: Any
    at_end: bool = False
    unit: str = "s"
    weekmask: str = EVERY_DAY
    day: int = 0
    zone: str | None = None
    local: bool = False

    @property
    def season(self) -> int:
        """Steps of the shortest season that is usual: a day, of days a week, of months a year."""
        if self.kind == "months":
            return max(1, 12 // self.step)
        if self.kind == "half_months":
            return max(1, 24 // self.step)
        if self.kind == "business":
            return max(1, self.weekmask.count("1") // self.step)
        if self.kind == "number" or self.unit != "s":
            return 1
        if self.step < _DAY:
            return max(1, _DAY // self.step)
        return {_DAY: 7, 7 * _DAY: 52}.get(self.step, 1)

    def phase(self, time: Any) -> int:
        """By how many units a time is off the calendar's own, if a series may be so at all."""
        if self.kind == "number":
            return int((time - self.origin) % self.step)
        if self.kind not in ("seconds", "months") or self.at_end or self.weekmask != EVERY_DAY:
            return 0
        own, origin = (
            self._clock(np.array([t])).astype(self._type)[0] for t in (time, self.origin)
        )
        if self.kind == "seconds":
            return int((own - origin).astype(np.int64) % self.step)
        return int((own - own.astype("M8[M]")).astype(np.int64)) - int(
            (origin - origin.astype("M8[M]")).astype(np.int64)
        )

    def positions(self, times: Times, phase: Phase = 0) -> NDArray[np.int64]:
        """Where times stand, from the origin's 0; DataError where one is between two steps."""
        if self.kind == "number":
            found = (times - self.origin - phase) // self.step
        else:
            found = self._positions(self._clock(times), self._clock(np.array([self.origin])), phase)
        off = self.times(found, phase) != times
        if off.any():
            raise DataError(
                f"{times[off][0]}{' UTC' if self.zone else ''} is between the steps of a calendar"
                f" with {self}: give every row a time of its step (round or aggregate them), or"
                " another frequency; where only the order counts, number the rows"
            )
        positions: NDArray[np.int64] = found.astype(np.int64)
        return positions

    def _positions(self, times: Times, origin: Times, phase: Phase) -> NDArray[np.int64]:
        """The same of times and an origin as the clocks that count show them."""
        months = (times.astype("M8[M]") - origin.astype("M8[M]")).astype(np.int64)
        found: NDArray[np.int64]
        if self.kind == "months":
            found = months // self.step
        elif self.kind == "half_months":
            halves = [self._second_half(part).astype(np.int64) for part in (times, origin)]
            found = (2 * months + halves[0] - halves[1]) // self.step
        elif self.kind == "business":
            first, days = origin.astype("M8[D]"), times.astype("M8[D]")
            found = np.busday_count(first, days, weekmask=self.weekmask) // self.step
        else:
            unit = max(unit_of(times), self.unit, key=lambda name: PER_SECOND.get(name, 1))
            scale = PER_SECOND[unit] // PER_SECOND[self.unit]
            apart = (times - origin).astype(f"m8[{unit}]").astype(np.int64)
            found = (apart - phase * scale) // (self.step * scale)
        return found

    def times(self, positions: NDArray[np.int64], phase: Phase = 0) -> Times:
        """The times at these positions."""
        if self.kind == "number":
            numbers: Times = self.origin + phase + positions * self.step
            return numbers
        origin = self._clock(np.array([self.origin])).astype(self._type)[0]
        found: Times = self._times(origin, positions) + np.asarray(phase).astype(f"m8[{self.unit}]")
        return instants_of(found, self.zone) if self.local and self.zone else found

    def _times(self, origin: Any, positions: NDArray[np.int64]) -> Times:
        first = origin.astype("M8[D]")
        hour = origin - first
        if self.kind == "seconds":
            return np.asarray(origin + (positions * self.step).astype(f"m8[{self.unit}]"))
        if self.kind == "business":
            days = np.busday_offset(
                first, positions * self.step, roll="forward", weekmask=self.weekmask
            )
            return np.asarray(days.astype(self._type) + hour)
        if self.kind == "half_months":
            steps = positions * self.step + int(self._second_half(np.array([origin]))[0])
            months = origin.astype("M8[M]") + (steps // 2).astype("m8[M]")
            ends = (last_day(months), day_of(months, self.day))
            early, late = (ends[1], ends[0]) if self.at_end else (day_of(months, 1), ends[1])
            return np.asarray(np.where(steps % 2, late, early).astype(self._type) + hour)
        months = origin.astype("M8[M]") + (positions * self.step).astype("m8[M]")
        if self.weekmask != EVERY_DAY:
            days = (
                np.busday_offset(last_day(months), 0, roll="backward", weekmask=self.weekmask)
                if self.at_end
                else np.busday_offset(day_of(months, 1), 0, roll="forward", weekmask=self.weekmask)
            )
            return np.asarray(days.astype(self._type) + hour)
        if self.at_end:
            return np.asarray(last_day(months).astype(self._type) + hour)
        return np.asarray(months.astype(self._type) + (origin - origin.astype("M8[M]")))

    @property
    def turns(self) -> list[tuple[str, int]]:
        """What `features` tells: the place in a "day", "week" or "year", and how often that goes
        round in it.

        >>> Calendar("seconds", 86400, np.datetime64("2024-01-01")).turns
        [('week', 1), ('week', 2), ('year', 1)]
        """
        if self.kind == "number":
            return []
        found, step = [("year", 1)], self.step / PER_SECOND[self.unit]
        if self.kind == "business" or (self.kind == "seconds" and step <= _DAY):
            found = [("week", 1), ("week", 2), *found]
        if self.kind == "seconds" and step < _DAY:
            found = [("day", 1), ("day", 2), *found]
        return found

    def features(self, times: Times) -> NDArray[np.float32]:
        """Of each time where it stands in the day, the week and the year, (T, C), from -1 to 1."""
        if self.kind == "number":
            return np.zeros((len(times), 0), np.float32)
        if self.zone is not None:
            times = wall_times(times, self.zone)
        seconds = times.astype("datetime64[s]").astype(np.int64)
        year = (times.astype("datetime64[D]") - times.astype("datetime64[Y]")).astype(np.int64)
        places = {
            "day": seconds % _DAY / _DAY,
            "week": (seconds // _DAY + 3) % 7 / 7,  # from Monday on
            "year": year / 365.25,
        }
        angles = 2 * np.pi * np.stack([count * places[name] for name, count in self.turns], -1)
        return np.concatenate([np.sin(angles), np.cos(angles)], -1).astype(np.float32)

    def __str__(self) -> str:
        names = {"months": "months", "half_months": "half months", "business": "business days"}
        unit = {"s": "seconds"}.get(self.unit, self.unit) if self.kind == "seconds" else ""
        if self.kind == "months" and self.weekmask != EVERY_DAY:
            unit = f"months on the {'last' if self.at_end else 'first'} business day"
        if self.kind == "business" and self.weekmask != WORKDAYS:
            unit = f"days, {days_of(self.weekmask)}"
        text = f"steps of {self.step} {unit or names.get(self.kind, '')}".rstrip()
        return f"{text}, {self.zone}" if self.zone else text

    def _clock(self, times: Times) -> Times:
        return wall_times(times, self.zone) if self.local and self.zone else times

    def _second_half(self, times: Times) -> NDArray[np.bool_]:
        days = (times.astype("M8[D]") - times.astype("M8[M]").astype("M8[D]")).astype(np.int64) + 1
        second: NDArray[np.bool_] = days > self.day if self.at_end else days >= self.day
        return second

    @property
    def _type(self) -> str:
        return f"M8[{self.unit}]"


def days_of(weekmask: str) -> str:
    """The days of a mask, from Monday on.

    >>> days_of("1111110")
    'Mon Tue Wed Thu Fri Sat'
    """
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    return " ".join(name for name, on in zip(names, weekmask, strict=True) if on == "1")


def unit_of(times: Times) -> str:
    """The unit of dates."""
    return str(np.datetime_data(times.dtype)[0])


def last_day(months: Any) -> Any:
    """Of months."""
    return (months + _A_MONTH).astype("M8[D]") - _ONE_DAY


def day_of(months: Any, day: int) -> Any:
    """So many days into months, from 1 on."""
    return months.astype("M8[D]") + np.timedelta64(day - 1, "D")
