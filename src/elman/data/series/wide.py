"""Wide tables of series, a column or a row for each of them, as long ones."""

from typing import TYPE_CHECKING, Any

from elman.data.series.times import is_missing
from elman.data.tables import Table
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.data.series.panel import Columns


def long_table(table: Table, columns: "Columns") -> Table:
    """A row for each series and time, of a table without the target's column: one with a time
    column and a column for each series, or with a row for each series, its id and its values."""
    names = list(table.columns)
    if (
        columns.past
        or columns.future
        or columns.static
        or len(columns.target) > 1
        or {columns.id, columns.time} <= set(names)
    ):
        table.column(columns.target[0], "target")
    return _of_columns(table, columns) if columns.time in names else _of_rows(table, columns)


def _of_columns(table: Table, columns: "Columns") -> Table:
    series = [name for name in table.columns if name != columns.time]
    times = table.columns[columns.time]
    long = _empty(columns)
    for name in series:
        long[columns.id] += [name] * len(times)
        long[columns.time] += times
        long[columns.target[0]] += table.columns[name]
    if not series:
        table.column(columns.target[0], "target")
    return Table(table.source, long, table.rows * len(series))


def _of_rows(table: Table, columns: "Columns") -> Table:
    first, *rest = table.columns.values()
    if len(rest) < 2 or any(_is_number(v) for v in first) or not _is_number(rest[0][0]):
        raise DataError(
            f"{table.source} has no column {columns.target[0]!r} and none {columns.time!r}: it has"
            f" {', '.join(map(repr, list(table.columns)[:12]))}; choose with target=... and"
            " time=..."
        )
    long = _empty(columns)
    rows = []
    for i, name in enumerate(first):
        values = [column[i] for column in rest]
        while values and is_missing(values[-1]):
            values.pop()
        long[columns.id] += [name] * len(values)
        long[columns.time] += range(1, len(values) + 1)
        long[columns.target[0]] += values
        rows += [table.rows[i]] * len(values)
    return Table(table.source, long, rows)


def _empty(columns: "Columns") -> dict[str, list[Any]]:
    return {columns.id: [], columns.time: [], columns.target[0]: []}


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True
