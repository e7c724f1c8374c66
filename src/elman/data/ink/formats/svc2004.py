"""SVC2004: signatures as text, a point a line, of both tasks of the competition."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows
from elman.data.ink.sample import Sample
from elman.data.text.files import read_text
from elman.errors import DataError

_SECONDS = 1e-3
_FULL_PRESSURE = 1024  # levels of the tablet of task 2
_TENTHS = np.pi / 1800  # azimuth and altitude are in tenths of a degree
_START = re.compile(r"\s*(\d+)\s*[\r\n]+\s*-?\d+(?:\s+-?\d+){3}(?:(?:\s+-?\d+){3})?\s*(?:[\r\n]|$)")


def looks_like_svc2004(start: str) -> bool:
    """Whether a text begins with a count and a row of 4 or 7 whole numbers."""
    return _START.match(start) is not None


def read_svc2004(path: Path) -> Iterator[Sample]:
    """The signature of a file: the number of points, then `X Y TIME BUTTON` a line, and, of task 2,
    `AZIMUTH ALTITUDE PRESSURE`. Time is in milliseconds, y upwards. Button 0 marks a stroke's
    first point: in the competition's data such rows follow a pause and bear pressure. Rows of
    button 0 without pressure, or, in task 1, followed by another, are of a pen in the air.
    """
    yield Sample(_ink(path), str(path))


def _ink(path: Path) -> Ink | str:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    try:
        count, rows = int(lines[0]), np.array([line.split() for line in lines[1:]], np.float64)
    except (IndexError, ValueError):
        return f"{path} is not of SVC2004: a count, then rows of as many numbers each"
    if len(rows) != count or (count and rows.shape[1] not in (4, 7)):
        return f"{path}: {count} points of 4 or 7 numbers are promised, {len(rows)} lines follow"
    if not count:
        return Ink.of_strokes([])
    kept, starts = _strokes(rows)
    rows = rows[kept]
    columns = {"x": rows[:, 0], "y": rows[:, 1], "time": rows[:, 2] * _SECONDS}
    if rows.shape[1] == 7:
        columns["azimuth"], columns["altitude"] = rows[:, 4] * _TENTHS, rows[:, 5] * _TENTHS
        columns["pressure"] = rows[:, 6]
    try:
        return ink_of_rows(columns, starts, upwards=True, full_pressure=_FULL_PRESSURE)
    except DataError as error:
        return f"{path}: {error}"


def _strokes(rows: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows are of the pen on the paper, and where strokes begin among them."""
    is_down = rows[:, 3] > 0
    if rows.shape[1] == 7:
        is_first = ~is_down & (rows[:, 6] > 0)
    else:
        is_first = ~is_down & np.append(is_down[1:], False)
    kept = is_down | is_first
    after_air = np.concatenate([[True], ~kept[:-1]])
    return kept, np.flatnonzero((is_first | after_air)[kept])
