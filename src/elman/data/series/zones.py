"""Time zones: what the clock on the wall shows at an instant, and when it shows a time."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Times = NDArray[Any]
_SECOND = np.timedelta64(1, "s")


@lru_cache
def zone_of(name: str) -> tzinfo:
    """A zone by its name, such as Europe/Berlin, UTC or +09:00; DataError if there is none.

    >>> zone_of("+09:30").utcoffset(None)
    datetime.timedelta(seconds=34200)
    """
    text = name.removeprefix("UTC")
    if name in ("UTC", "Z"):
        return UTC
    try:
        if text[:1] in ("+", "-"):
            return datetime.strptime(text, "%z").tzinfo or UTC
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(f"there is no time zone {name!r}") from None


def zone_name(zone: tzinfo, at: datetime) -> str:
    """The name of a datetime's zone; its distance from UTC if it has none.

    >>> zone_name(timezone(timedelta(hours=9)), datetime(2024, 1, 1))
    '+09:00'
    """
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if isinstance(name, str):
        return name
    offset = zone.utcoffset(at) or timedelta(0)
    return offset_name(int(offset.total_seconds()))


def offset_name(seconds: int) -> str:
    """A distance from UTC as text: UTC, +09:00."""
    if not seconds:
        return "UTC"
    text = str(timezone(timedelta(seconds=seconds))).removeprefix("UTC")
    return text or "UTC"


def wall_times(instants: Times, zone: str) -> Times:
    """What clocks show at instants, both without a zone, the instants in UTC.

    >>> wall_times(np.array(["2024-07-01T12:00:00"], "M8[s]"), "Europe/Berlin")
    array(['2024-07-01T14:00:00'], dtype='datetime64[s]')
    """
    tz = zone_of(zone)
    whole, back = np.unique(instants.astype("M8[s]"), return_inverse=True)
    offsets = [
        int(datetime.fromtimestamp(int(t), tz).utcoffset().total_seconds())  # type: ignore[union-attr]
        for t in whole.astype(np.int64)
    ]
    shifted: Times = instants + np.array(offsets, np.int64)[back].reshape(instants.shape) * _SECOND
    return shifted


def instants_of(walls: Times, zone: str) -> Times:
    """The instants, in UTC, at which clocks show these times; where they show one twice, the
    first, and where they skip it, as if they had not yet been put forward.

    >>> instants_of(np.array(["2024-03-31T02:30:00"], "M8[s]"), "Europe/Berlin")
    array(['2024-03-31T01:30:00'], dtype='datetime64[s]')
    """
    tz = zone_of(zone)
    whole, back = np.unique(walls.astype("M8[s]"), return_inverse=True)
    offsets = [
        int(t.replace(tzinfo=tz).utcoffset().total_seconds()) for t in whole.astype(datetime)
    ]
    shifted: Times = walls - np.array(offsets, np.int64)[back].reshape(walls.shape) * _SECOND
    return shifted


def datetimes(instants: Times, zone: str) -> Times:
    """Instants as Python's datetimes in a zone, (n,) of objects."""
    tz = zone_of(zone)
    found = np.empty(len(instants), object)
    found[:] = [
        t.replace(tzinfo=UTC).astimezone(tz) for t in instants.astype("M8[us]").astype(datetime)
    ]
    return found
