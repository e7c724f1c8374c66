"""Readers of the datasets of series: their columns under the names that all series have."""

from collections.abc import Callable
from pathlib import Path

from elman.data.tables import Table, read_table


def columns(**names: str) -> Callable[[Path], Table]:
    """A reader that gives a file's columns other names: `columns(ds="Month", y="Sales")`."""
    theirs = {old: new for new, old in names.items()}

    def read(path: Path) -> Table:
        table = read_table(path)
        renamed = {theirs.get(name, name): values for name, values in table.columns.items()}
        return Table(table.source, renamed, table.rows)

    return read


def hours_of_days(path: Path) -> Table:
    """Hourly rows whose time stands in two columns, the day and the hour; y are the rentals."""
    table = columns(y="cnt")(path)
    days, hours = table.columns.pop("dteday"), table.columns.pop("hr")
    times = [f"{day} {int(hour):02d}:00" for day, hour in zip(days, hours, strict=True)]
    return Table(table.source, {"ds": times, **table.columns}, table.rows)
