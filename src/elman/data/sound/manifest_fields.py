"""The fields of manifests: parts of files, transcripts, places, and what stands for none."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from elman.errors import DataError

TIMES = ("start", "offset", "end", "duration")
_TOLERANCE = 0.01  # seconds by which an end and a duration may differ


def part(given: Mapping[str, float | None], row: str) -> tuple[float, float | None]:
    """Where a part of a file begins and ends, in seconds; its end None if that is the file's.

    >>> part({"offset": 1.5, "duration": 2.0}, "row 1")
    (1.5, 3.5)
    """
    begins = {given[name] for name in ("start", "offset") if given.get(name) is not None}
    if len(begins) > 1:
        raise DataError(f"{row}: start and offset differ: one of them is needed")
    start = next(iter(begins), None) or 0.0
    end, duration = given.get("end"), given.get("duration")
    if duration is not None:
        if not duration > 0:
            raise DataError(f"{row}: the duration, {duration} s, must be above 0")
        if end is not None and abs(end - start - duration) > _TOLERANCE:
            raise DataError(
                f"{row}: start {start} s and end {end} s do not fit the duration of {duration} s"
            )
        end = start + duration if end is None else end
    if end is not None and end <= start:
        raise DataError(f"{row}: the part ends at {end} s, before it begins")
    return start, end


def transcript(value: Any, row: str) -> str | None:
    """A transcript from a table's field; None if it is missing."""
    if is_missing(value):
        return None
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if is_whole and -(10**18) < int(value) < 10**18:
        return str(value)
    if not isinstance(value, str):
        hint = "; read the column as text" if isinstance(value, (int, float)) else ""
        raise DataError(f"{row}: the transcript is a {type(value).__name__}, not a string{hint}")
    return value if value.strip("\ufeff \t\r\n") else None


def is_missing(value: Any) -> bool:
    """Whether a table's field is empty: None, NaN or what pandas writes for it."""
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NAType", "NaTType")


def located(folders: Sequence[Path], name: str) -> Path:
    """The file of that name in the first of the folders that has it; in the first if none has."""
    for folder in folders:
        try:
            if (folder / name).exists():
                return folder / name
        except (OSError, ValueError):  # a name that is too long, or holds a null
            break
    return folders[0] / name


def seconds_of(value: Any, name: str) -> float | None:
    """A number of seconds from a table's field; None if it is missing."""
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise DataError(f"{name} is {_shown(value)}, not a number of seconds")
    return seconds


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.60}"
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
