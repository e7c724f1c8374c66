"""Many series over time from any table: long or wide, with covariates, gaps and unequal lengths."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.datasets.download import fetch
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.series.calendar import Calendar
from elman.data.series.calendar_search import calendar_of, phases_of
from elman.data.series.identity import series_names
from elman.data.series.table_kind import TableKind, exact_times, kind_of
from elman.data.series.times import ReadTimes, is_missing, read_times
from elman.data.series.wide import long_table
from elman.data.series.zones import Times
from elman.data.tables import Table, read_table
from elman.data.text.files import is_there
from elman.errors import DataError

Names = str | Sequence[str]
_MISSING = {"nan", "na", "n/a", "null", "none"}
_NO_FRAME = TableKind()
_MOST, _SPARSEST = 200_000, 1000  # steps of a series, if it has so many to a row


@dataclass(frozen=True)
class PanelSeries:
    """One series on its panel's calendar.

    **Fields:**

    - `name`: its id, as text.
    - `start`: the position of its first step.
    - `y`: (T, K) float64, NaN where a value is missing.
    - `past`: (T + F, P) float64, what is known only afterwards; of the F steps beyond the last y,
      too, if rows came of them.
    - `future`: (T + F, C) float64, what is known beforehand, F steps beyond the last y.
    - `static`: one value, a number or a string, a static column.
    - `phase`: by how many units its times are off the calendar's own; see `Calendar.phase`.
    """

    name: str
    start: int
    y: NDArray[np.float64]
    past: NDArray[np.float64]
    future: NDArray[np.float64]
    static: tuple[Any, ...]
    phase: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def cut(self, length: int) -> "PanelSeries":
        """Its first steps; the future's covariates stay known."""
        return replace(self, y=self.y[:length], past=self.past[:length])


@dataclass(frozen=True)
class Columns:
    """The names of a table's columns; without a target only the others are read."""

    id: str = "unique_id"
    time: str = "ds"
    target: tuple[str, ...] = ("y",)
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """PanelSeries with one calendar.

    `notes` say what was mended while reading; `gaps` how many steps have no row; `kind` how the
    table was written; `ids` the series' names as they stand in it.

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
    kind: TableKind = _NO_FRAME
    ids: Mapping[str, Any] = field(default_factory=dict)
    gaps: int = 0

    def __len__(self) -> int:
        return len(self.series)

    def times(self, series: PanelSeries, first: int, count: int) -> Times:
        """The times of some steps of a series, from its step `first` on."""
        steps = series.start + np.arange(first, first + count)
        return self.calendar.times(steps, series.phase)

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
        """Columns as a table of the kind that the panel came from, without that of the series'
        names if it had none."""
        return frame_of(columns, self.columns, self.kind, self.ids if self.has_ids else None)


def frame_of(
    columns: Mapping[str, Any], names: Columns, kind: TableKind, ids: Mapping[str, Any] | None
) -> Any:
    """Columns as a table of some kind, with the series' names as they stand in `ids`; without
    them if that is None."""
    made = dict(columns)
    if ids is None:
        made.pop(names.id, None)
    elif names.id in made:
        made[names.id] = [ids.get(name, name) for name in made[names.id]]
    return kind.table(made, names.id, (names.time, "cutoff"))


def read_panel(
    data: Any,
    columns: Columns | None = None,
    *,
    frequency: str | int | None = None,
    calendar: Calendar | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    known: Mapping[str, int] | None = None,
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
    - `known`: series by name that the rows may continue, with their phases on the calendar; these
      alone may have no value of the target here.

    Rows may come in any order. Raises `DataError` for what cannot be a series: two rows of one
    time, a value that is no number or infinite, times that fit no calendar.
    """
    columns = columns or Columns()
    if isinstance(data, Panel):
        return data if calendar is None else _on_calendar(data, columns, calendar, known or {})
    kind, times, zone = TableKind(), None, None
    if isinstance(data, str) and is_reference(data):
        dataset, part = resolve(data)
        if part.table is None:
            raise DataError(f"{data} holds no table of series")
        table = part.table(fetch(dataset, part.files)[0])
    else:
        if isinstance(data, str) and not is_there(data):
            raise missing(data[:200])
        kind = kind_of(data, columns.id, columns.time)
        table = read_table(data, encoding=encoding, delimiter=delimiter)
        times, zone = exact_times(data, columns.time)
    if times is not None:
        table.columns[columns.time] = times
    is_long = not columns.target or any(name in table.columns for name in columns.target)
    if not is_long:
        table = long_table(table, columns)
        kind = replace(kind, id=None)
    dated = None if calendar is None else calendar.kind != "number"
    values = table.column(columns.time, "time")
    read = read_times(values, columns.time, lambda i: table.rows[i], dated=dated)
    read = read._replace(zone=zone or read.zone)
    if read.values.dtype.kind == "M" and kind.time and kind.time.startswith(("int", "float")):
        kind = replace(kind, time=None)  # numbers that are dates come back as dates
    kind = replace(kind, zone=read.zone)
    return _panel(table, columns, read, calendar or frequency, kind, known or {})


def _on_calendar(
    panel: Panel, columns: Columns, calendar: Calendar, known: Mapping[str, int]
) -> Panel:
    """A panel with its series placed on another calendar; DataError where they do not fit."""
    if panel.columns != columns:
        raise DataError(f"the panel has {panel.columns}, and {columns} are needed")
    series = []
    for each in panel.series:
        times = panel.times(each, 0, max(len(each), 2))
        _check_kind(calendar, times, panel.calendar.zone, columns)
        phase = known.get(each.name, calendar.phase(times[0]))
        at = calendar.positions(times, phase)
        if (np.diff(at) != 1).any():
            raise DataError(f"the panel has {panel.calendar}, and {calendar} are needed")
        series.append(replace(each, start=int(at[0]), phase=phase))
    return replace(panel, series=tuple(series), calendar=calendar)


def _panel(
    table: Table,
    columns: Columns,
    read: ReadTimes,
    frequency: Calendar | str | int | None,
    kind: TableKind,
    known: Mapping[str, int],
) -> Panel:
    notes = list(read.notes)
    has_ids = columns.id in table.columns
    alone = (*columns.target, "")[0]  # the name of a series without one
    ids, group = {alone: alone}, np.zeros(len(table.rows), np.int64)
    if has_ids:
        ids, group = series_names(table.columns[columns.id], columns.id, lambda i: table.rows[i])
    names, times = list(ids), read.values
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
    calendar = (
        frequency
        if isinstance(frequency, Calendar)
        else calendar_of(times, group, frequency, read.zone)
    )
    _check_kind(calendar, times, read.zone, columns)
    phases = phases_of(calendar, times, group)
    phases = np.array([known.get(n, p) for n, p in zip(names, phases, strict=True)], np.int64)
    positions = calendar.positions(times, phases[group])
    kinds = (columns.target, columns.past, columns.future)
    y, past, future = (_numbers(table, each, order) for each in kinds)
    static = [table.column(name, "static") for name in columns.static]
    edges = np.flatnonzero(np.diff(group, prepend=-1, append=len(names)))
    found, gaps = [], 0
    for first, last in pairwise(edges):
        own, name = slice(int(first), int(last)), names[group[first]]
        index = positions[own] - positions[first]
        some = np.flatnonzero(np.isfinite(y[own]).any(-1))
        if not len(some) and columns.target and name not in known:
            raise DataError(f"the series {name} has no value of {columns.target[0]}")
        length, whole = int(index[some[-1]]) + 1 if len(some) else 0, int(index[-1]) + 1
        if whole > _MOST and whole > _SPARSEST * (last - first):
            raise DataError(
                f"the series {name} has {whole:,} steps from {times[first]} to {times[last - 1]},"
                f" of which {last - first:,} have a row: choose a longer frequency ({calendar})"
            )
        gaps += length - int((index < length).sum())
        spread = [np.full((whole, each.shape[1]), np.nan) for each in (y, past, future)]
        for values, target in zip((y, past, future), spread, strict=True):
            target[index] = values[own]
        found.append(
            PanelSeries(
                name,
                int(positions[first]),
                spread[0][:length],
                spread[1],
                spread[2],
                tuple(
                    _constant(table, column, values, order[own])
                    for column, values in zip(columns.static, static, strict=True)
                ),
                int(phases[group[first]]),
            )
        )
    if gaps:
        are = "step without a row is" if gaps == 1 else "steps without rows are"
        notes.append(f"{gaps:,} {are} taken as missing")
    return Panel(tuple(found), calendar, columns, has_ids, tuple(notes), kind, ids, gaps)


def _check_kind(calendar: Calendar, times: Times, zone: str | None, columns: Columns) -> None:
    """DataError where times are not of the calendar's kind."""
    if (calendar.kind == "number") != (times.dtype.kind != "M"):
        kind = "numbers" if calendar.kind == "number" else "dates"
        raise DataError(f"{columns.time} must hold {kind}, as the data that is known does")
    if (calendar.zone is None) != (zone is None):
        own, known = (f"the time zone {z}" if z else "no time zone" for z in (zone, calendar.zone))
        raise DataError(
            f"{columns.time} has {own}, and the data that is known has {known}: write times in the"
            " same way"
        )


def _numbers(table: Table, names: Sequence[str], order: NDArray[np.int64]) -> Any:
    """The sorted rows' values, (rows, columns) float64, NaN where one is missing."""
    found = np.empty((len(order), len(names)))
    for j, name in enumerate(names):
        values = table.column(name, "target")
        try:
            column = np.array(values, np.float64)
        except (ValueError, TypeError, OverflowError):
            column = np.array([_number(table, name, i, v) for i, v in enumerate(values)])
        if column.ndim > 1:
            raise DataError(f"{table.rows[0]}: {name} is {str(values[0])[:60]}, not a number")
        if (bad := np.isinf(column)).any():
            at = int(np.flatnonzero(bad)[0])
            raise DataError(f"{table.rows[at]}: {name} is infinite: leave it empty if unknown")
        found[:, j] = column[order]
    return found


def _number(table: Table, name: str, row: int, value: Any) -> float:
    if is_missing(value) or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return np.nan
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        text = repr(value)[:60] if isinstance(value, str) else str(value)[:60]
        raise DataError(f"{table.rows[row]}: {name} is {text}, not a number") from None


def _constant(table: Table, name: str, values: list[Any], rows: NDArray[np.int64]) -> Any:
    first = values[rows[0]]
    for row in rows:
        value = values[row]
        if is_missing(value) and is_missing(first):
            continue
        if is_missing(value) or is_missing(first) or value != first:
            raise DataError(
                f"{table.rows[row]}: the static column {name} is {value!r} where its series"
                f" has {first!r}: give it as past or future"
            )
    return first
