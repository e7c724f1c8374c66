"""Tables of points: named columns, or bare rows of x and y."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows, starts_of_pen
from elman.data.ink.sample import Sample
from elman.data.tables import Table, read_table
from elman.data.text.files import read_lines
from elman.data.values import is_missing
from elman.errors import DataError

_NAMES = {
    "time": ("t", "time", "seconds", "time_ms", "ms", "timestamp"),
    "pressure": ("p", "pressure", "force"),
    "stroke": ("stroke", "stroke_id", "stroke_index"),
    "pen": ("pen", "pen_down", "pen_state", "is_down"),
    "sample": ("sample", "sample_id", "id"),
    "text": ("text", "label"),
    "writer": ("writer", "writer_id"),
}
_MILLISECONDS = ("time_ms", "ms")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_BARE = re.compile(rf"\s*{_NUMBER}(?:\s*[,;\t ]\s*{_NUMBER}){{1,2}}\s*(?:[\r\n]|$)")


def looks_like_points(start: str) -> bool:
    """Whether a text begins with a row of 2 or 3 numbers, or with names of columns x and y."""
    first = start.lstrip().partition("\n")[0].lower()
    names = {name.strip().strip('"') for name in re.split(r"[,;\t|]", first)}
    return {"x", "y"} <= names or _BARE.match(start) is not None


def read_points(path: Path) -> Iterator[Sample]:
    """The ink of a table of points; y grows downwards.

    Columns x and y, and where they are there t (or time, time_ms, ...), p (pressure), stroke (its
    number) or pen (1 where it is down), sample (which drawing a row is of), text and writer. Time
    is in milliseconds if its column says so or it has whole numbers alone, else in seconds. Without
    names rows are x, y, and, of three, the number of the stroke; an empty line begins
    a new stroke, too.
    """
    lines = list(read_lines(path))
    first = next((line for _, line in lines if line.strip()), "")
    if _BARE.match(first):
        yield _bare(lines, path)
        return
    yield from samples_of_points(read_table(path))


def samples_of_points(table: Table) -> Iterator[Sample]:
    """The ink of a table with columns x and y, one sample, or one of each value of `sample`."""
    by_name = {name.strip().lower(): values for name, values in table.columns.items()}
    columns: dict[str, tuple[str, list[Any]]] = {}
    for meaning, names in {"x": ("x",), "y": ("y",), **_NAMES}.items():
        found = next((name for name in names if name in by_name), None)
        if found is not None:
            columns[meaning] = found, by_name[found]
    groups: dict[str, list[int]] = {}
    count = len(table.rows)
    for i, key in enumerate(columns["sample"][1] if "sample" in columns else [""] * count):
        groups.setdefault(str(key), []).append(i)
    for rows in groups.values():
        name = table.source if "sample" not in columns else table.rows[rows[0]]
        try:
            ink: Ink | str = _ink(columns, rows, table)
        except DataError as error:
            ink = str(error)
        text, writer = (
            None if meaning not in columns else _string(columns[meaning][1][rows[0]])
            for meaning in ("text", "writer")
        )
        yield Sample(ink, name, text, writer)


def _ink(columns: dict[str, tuple[str, list[Any]]], rows: list[int], table: Table) -> Ink:
    values: dict[str, NDArray[np.float64]] = {
        meaning: _numbers(columns[meaning], rows, table)
        for meaning in ("x", "y", "time", "pressure", "pen")
        if meaning in columns
    }
    kept = np.ones(len(rows), bool)
    starts = np.zeros(len(rows), bool)
    starts[:1] = True
    if "pen" in values:
        kept, first = starts_of_pen(values.pop("pen") > 0)
        starts = np.zeros(int(kept.sum()), bool)
        starts[first] = True
    if "stroke" in columns:
        stroke = np.array([str(columns["stroke"][1][i]) for i in rows])[kept]
        starts[1:] |= stroke[1:] != stroke[:-1]
    if "time" in values:
        time = values["time"]
        is_whole = bool((time == np.rint(time)).all()) and len(time) > 1
        if columns["time"][0] in _MILLISECONDS or is_whole:
            values["time"] = time / 1000
    chosen = {name: each[kept] for name, each in values.items()}
    return ink_of_rows(chosen, np.flatnonzero(starts))


def _numbers(column: tuple[str, list[Any]], rows: list[int], table: Table) -> NDArray[np.float64]:
    name, values = column
    found = np.empty(len(rows))
    for n, i in enumerate(rows):
        try:
            found[n] = float(values[i])
        except (TypeError, ValueError):
            raise DataError(f"{table.rows[i]}: {name} is {values[i]!r:.40}, not a number") from None
    return found


def _bare(lines: list[tuple[int, str]], path: Path) -> Sample:
    rows: list[list[float]] = []
    starts: list[bool] = []
    is_new = True
    for number, line in lines:
        if not line.strip():
            is_new = True
            continue
        try:
            row = [float(value) for value in re.split(r"[,;\t ]+", line.strip())]
        except ValueError:
            return Sample(f"{path}:{number}: not a row of numbers: {line!r:.60}", str(path))
        if rows and len(row) != len(rows[0]):
            words = f"{len(row)} numbers where the first row has {len(rows[0])}"
            return Sample(f"{path}:{number}: {words}", str(path))
        starts.append(is_new or (len(row) > 2 and row[2] != rows[-1][2]))
        rows.append(row)
        is_new = False
    values = np.array(rows)
    try:
        ink: Ink | str = Ink(values[:, :2], np.flatnonzero(starts))
    except DataError as error:
        ink = f"{path}: {error}"
    return Sample(ink, str(path))


def _string(value: Any) -> str | None:
    return None if is_missing(value) or value == "" else str(value)
