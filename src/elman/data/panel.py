"""Many series over time from any table: long or wide, with covariates, gaps and unequal lengths."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.calendar import Calendar, Times, calendar_of
from elman.data.download import fetch
from elman.data.registry import is_reference, missing, resolve
from elman.data.tables import Table, read_table
from elman.data.text import is_there
from elman.errors import DataError, SettingsError

Names = str | Sequence[str]
_MISSING = {"", "nan", "na", "n/a", "null", "none"}


@dataclass(frozen=True)
class PanelSeries:
    """One series on its panel's calendar.

    **Fields:**

    - `name`: its id.
    - `start`: the position of its first step.
    - `y`: (T, K) float64, NaN where a value is missing.
    - `past`: (T, P) float64, what is known only afterwards.
    - `future`: (T + F, C) float64, what is known beforehand, F steps beyond the last y.
    - `static`: one value, a number or a string, a static column.
    """

    name: Any
    start: int
    y: NDArray[np.float64]
    past: NDArray[np.float64]
    future: NDArray[np.float64]
    static: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.y)

    def cut(self, length: int) -> "PanelSeries":
        """Its first steps; the future's covariates stay known."""
        return replace(self, y=self.y[:length], past=self.past[:length])


@dataclass(frozen=True)
class Columns:
    """The names of a table's columns."""

    id: str = "unique_id"
    time: str = "ds"
    target: tuple[str, ...] = ("y",)
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """PanelSeries with one calendar; `notes` say what was mended while reading.

    >>> rows = {"ds": ["2024-01-01", "2024-01-02", "2024-01-04"], "y": [1, 2, 4]}
    >>> panel = read_panel(rows)
    >>> panel.series[0].y.ravel().tolist(), panel.notes
    ([1.0, 2.0, nan, 4.0], ('1 step without a row is taken as missing',))
    """

    series: tuple[PanelSeries, ...]
    calendar: Calendar
    columns: Columns
    has_ids: bool
    notes: tuple[str, ...]
    native: Any = None  # the namespace of the dataframe that it came from

    def __len__(self) -> int:
        return len(self.series)

    def times(self, series: PanelSeries, first: int, count: int) -> Times:
        """The times of some steps of a series, from its step `first` on."""
        return self.calendar.times(series.start + np.arange(first, first + count))

    def cut(self, steps: int) -> "Panel":
        """Without the last steps of each series."""
        kept = tuple(each.cut(len(each) - steps) for each in self.series if len(each) > steps)
        return replace(self, series=kept)

    @property
    def sha256(self) -> str:
        """A hash of all values."""
        digest = hashlib.sha256()
        for each in self.series:
            digest.update(f"{each.name}:{each.start}:{each.y.shape}:{each.static}".encode())
            for values in (each.y, each.past, each.future):
                digest.update(np.ascontiguousarray(values, "<f8").tobytes())
        return digest.hexdigest()

    def frame(self, columns: Mapping[str, Any]) -> Any:
        """Columns as the kind of dataframe that the panel came from; as they are, of a file."""
        return to_frame(columns, self.native)


def to_frame(columns: Mapping[str, Any], native: Any) -> Any:
    """Columns as a dataframe of a library, by its namespace; as they are if it is None."""
    if native is None:
        return dict(columns)
    import narwhals as nw

    arrays = {name: np.asarray(values) for name, values in columns.items()}
    fine = {  # which all libraries know
        name: values.astype("datetime64[ms]") if values.dtype.kind == "M" else values
        for name, values in arrays.items()
    }
    return nw.from_dict(fine, backend=native).to_native()


def read_panel(
    data: Any,
    columns: Columns | None = None,
    *,
    frequency: str | int | None = None,
    calendar: Calendar | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Panel:
    """Read series from a table.

    **Arguments:**

    - `data`: what `read_table` takes, or the name of a dataset. Long: a row for each series and
      time. Wide: without the target's column, a time column and a column for each series; or, as
      in the M competitions, a row for each series, its id and its values.
    - `columns`: the names; a table without the id's column is one series.
    - `frequency`: the calendar's, found in the times if None.
    - `calendar`: the one that positions are to be on, such as that of an earlier panel.
    - `encoding`, `delimiter`: of a text file; found if None, see `read_table`.

    Rows may come in any order. Raises `DataError` for what cannot be a series: two rows of one
    time, a value that is no number or infinite, times that fit no calendar.
    """
    if isinstance(data, Panel):
        return data
    columns = columns or Columns()
    native = None
    if isinstance(data, str) and is_reference(data):
        dataset, part = resolve(data)
        if part.table is None:
            raise DataError(f"{data} holds no table of series")
        table = part.table(fetch(dataset, part.files)[0])
    else:
        if isinstance(data, str) and not is_there(data):
            raise missing(data)
        native = _namespace(data)
        table = read_table(data, encoding=encoding, delimiter=delimiter)
    if all(name not in table.columns for name in columns.target):
        table, columns = _long(table, columns)
    return _panel(table, columns, calendar or frequency, native)


def _panel(
    table: Table, columns: Columns, frequency: Calendar | str | int | None, native: Any
) -> Panel:
    notes: list[str] = []
    has_ids = columns.id in table.columns
    names, group = _groups(table, columns)
    times = _times(table, columns)
    order = np.lexsort((times, group))
    if (order != np.arange(len(order))).any():
        kept = np.argsort(group, kind="stable")
        if (np.diff(times[kept])[np.diff(group[kept]) == 0] < times[:1] - times[:1]).any():
            notes.append("the rows were not in order of time, and were sorted")
    group, times = group[order], times[order]
    same = (np.diff(times) == times[:1] - times[:1]) & (np.diff(group) == 0)
    if same.any():
        at = int(np.flatnonzero(same)[0])
        of = f" of {names[group[at]]}" if has_ids else ""
        raise DataError(
            f"{table.rows[order[at + 1]]}: a second row for {times[at]}{of}: each series may have"
            " one row a time (sum or average them)"
        )
    if isinstance(frequency, Calendar):
        calendar = frequency
        if (calendar.kind == "number") != (times.dtype.kind != "M"):
            kind = "numbers" if calendar.kind == "number" else "dates"
            raise DataError(f"{columns.time} must hold {kind}, as the data that is known does")
    else:
        calendar = calendar_of(times, group, frequency)
    positions = calendar.positions(times)
    kinds = (columns.target, columns.past, columns.future)
    y, past, future = (_numbers(table, each, order) for each in kinds)
    static = [table.column(name, "static") for name in columns.static]
    edges = np.flatnonzero(np.diff(group, prepend=-1, append=len(names)))
    found, gaps = [], 0
    for first, last in pairwise(edges):
        own = slice(int(first), int(last))
        index = positions[own] - positions[first]
        known = np.flatnonzero(np.isfinite(y[own]).any(-1))
        if not len(known):
            raise DataError(f"the series {names[group[first]]} has no value of {columns.target[0]}")
        length, whole = int(index[known[-1]]) + 1, int(index[-1]) + 1
        gaps += length - int((index < length).sum())
        spread = [np.full((whole, each.shape[1]), np.nan) for each in (y, past, future)]
        for values, target in zip((y, past, future), spread, strict=True):
            target[index] = values[own]
        found.append(
            PanelSeries(
                names[group[first]],
                int(positions[first]),
                spread[0][:length],
                spread[1][:length],
                spread[2],
                tuple(
                    _constant(table, name, values, order[own])
                    for name, values in zip(columns.static, static, strict=True)
                ),
            )
        )
    if gaps:
        are = "step without a row is" if gaps == 1 else "steps without rows are"
        notes.append(f"{gaps:,} {are} taken as missing")
    return Panel(tuple(found), calendar, columns, has_ids, tuple(notes), native)


def _groups(table: Table, columns: Columns) -> tuple[list[Any], NDArray[np.int64]]:
    """The series' names, in the order in which they come, and each row's."""
    if columns.id not in table.columns:
        return [columns.target[0]], np.zeros(len(table.rows), np.int64)
    ids = table.columns[columns.id]
    number: dict[Any, int] = {}
    group = np.array([number.setdefault(each, len(number)) for each in ids], np.int64)
    for blank in (None, ""):
        if blank in number:
            raise DataError(f"{table.rows[ids.index(blank)]}: {columns.id} is missing")
    return list(number), group


def _times(table: Table, columns: Columns) -> Times:
    values = table.column(columns.time, "time")
    for i, value in enumerate(values):
        if value is None or value == "" or value != value:
            raise DataError(f"{table.rows[i]}: {columns.time} is missing")
    if all(
        isinstance(v, (int, np.integer)) or (isinstance(v, str) and v.lstrip("-").isdigit())
        for v in values
    ):
        return np.array([int(v) for v in values], np.int64)
    try:
        return np.array(values, "datetime64[s]")
    except (ValueError, TypeError):
        for i, value in enumerate(values):
            try:
                np.array([value], "datetime64[s]")
            except (ValueError, TypeError):
                raise DataError(
                    f"{table.rows[i]}: {columns.time} is {value!r}: a date such as 2024-01-31,"
                    " 2024-01-31 18:00:00 or a whole number is needed"
                ) from None
        raise DataError(f"{table.source}: {columns.time} mixes dates and numbers") from None


def _numbers(table: Table, names: Sequence[str], order: NDArray[np.int64]) -> Any:
    """The sorted rows' values, (rows, columns) float64, NaN where one is missing."""
    found = np.empty((len(order), len(names)))
    for j, name in enumerate(names):
        values = table.column(name, "target")
        try:
            column = np.array(values, np.float64)
        except (ValueError, TypeError):
            column = np.array([_number(table, name, i, v) for i, v in enumerate(values)])
        if (bad := np.isinf(column)).any():
            at = int(np.flatnonzero(bad)[0])
            raise DataError(f"{table.rows[at]}: {name} is infinite: leave it empty if unknown")
        found[:, j] = column[order]
    return found


def _number(table: Table, name: str, row: int, value: Any) -> float:
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return np.nan
    try:
        return float(value)
    except (ValueError, TypeError):
        raise DataError(f"{table.rows[row]}: {name} is {value!r}, not a number") from None


def _constant(table: Table, name: str, values: list[Any], rows: NDArray[np.int64]) -> Any:
    first = values[rows[0]]
    for row in rows:
        if values[row] != first and (values[row] == values[row] or first == first):  # not two NaN
            raise DataError(
                f"{table.rows[row]}: the static column {name} is {values[row]!r} where its series"
                f" has {first!r}: give it as past or future"
            )
    return first


def _long(table: Table, columns: Columns) -> tuple[Table, Columns]:
    """A wide table as a long one."""
    wanted = ", ".join(columns.target)
    if columns.past or columns.future or columns.static or len(columns.target) > 1:
        table.column(columns.target[0], "target")
    names = list(table.columns)
    if columns.time in names:
        series = [name for name in names if name != columns.time]
        times = table.columns[columns.time]
        long: dict[str, list[Any]] = {columns.id: [], columns.time: [], columns.target[0]: []}
        for name in series:
            long[columns.id] += [name] * len(times)
            long[columns.time] += times
            long[columns.target[0]] += table.columns[name]
        return Table(table.source, long, table.rows * len(series)), columns
    first, *rest = (table.columns[name] for name in names)
    if len(rest) < 2 or any(_is_number(v) for v in first) or not _is_number(rest[0][0]):
        raise DataError(
            f"{table.source} has no column {wanted!r} and none {columns.time!r}: it has"
            f" {', '.join(map(repr, names[:12]))}; choose with target=... and time=..."
        )
    long = {columns.id: [], columns.time: [], columns.target[0]: []}
    rows = []
    for i, name in enumerate(first):
        values = [column[i] for column in rest]
        while values and values[-1] in (None, ""):
            values.pop()
        long[columns.id] += [name] * len(values)
        long[columns.time] += range(1, len(values) + 1)
        long[columns.target[0]] += values
        rows += [table.rows[i]] * len(values)
    return Table(table.source, long, rows), columns


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _namespace(data: Any) -> Any:
    """Of a dataframe the library that it is of, None of anything else."""
    if isinstance(data, (str, Path, Mapping)):
        return None
    import narwhals as nw

    try:
        return nw.get_native_namespace(data)
    except TypeError:
        raise SettingsError(
            f"data must be a path, a dataset's name, a dict of columns or a dataframe, got"
            f" {type(data).__name__}"
        ) from None
