"""Columns of users' own tables: CSV, TSV, JSON lines, Parquet, dataframes and records."""

import json
import numbers
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.data.delimited import check_delimiter, read_delimited
from elman.data.frames import check_different, columns_of
from elman.data.text.encodings import check_encoding
from elman.data.text.files import existing_file, read_lines, suffix_of
from elman.data.values import as_list, shown
from elman.errors import DataError, SettingsError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SPREADSHEETS = (".xls", ".xlsx", ".xlsm", ".xlsb", ".ods")
_MOST_NAMES = 20
_MOST_COLUMNS = 1 << 31


@dataclass(frozen=True)
class Table:
    """A table in memory.

    **Fields:**

    - `source`: what it was read from, for messages.
    - `columns`: name -> values, one a row; `None` or "" where one is missing.
    - `rows`: where each row stands, as `reviews.csv:12`.
    """

    source: str
    columns: dict[str, list[Any]]
    rows: list[str]

    def column(self, name: str | int, argument: str) -> list[Any]:
        """The values of one column, or a `DataError` that lists the columns there are.

        **Arguments:**

        - `name`: the column's name, or its position from 0 in a table read without a header.
        - `argument`: the argument (and flag of the command line) by which it was chosen.
        """
        if not isinstance(name, (str, int)) or (isinstance(name, int) and abs(name) > 1 << 31):
            raise DataError(f"{argument}={shown(name)}: a column's name or position is needed")
        if str(name) in self.columns:
            return self.columns[str(name)]
        names = list(self.columns)
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        other = [mark for mark in ",;\t|" if len(names) == 1 and mark in names[0]]
        hint = f"; if {other[0]!r} parts its fields: delimiter={other[0]!r}" if other else ""
        raise DataError(
            f"{self.source} has no column {shown(str(name))}: it has "
            f"{', '.join(map(shown, names[:_MOST_NAMES]))}{more}; choose with "
            f"{argument}=... (--{argument}){hint}"
        )


def check_column(name: object, argument: str) -> None:
    """Raise `SettingsError` for what is no column's name, no position and not None."""
    is_known = isinstance(name, (str, int, type(None))) and not isinstance(name, bool)
    if not is_known or (isinstance(name, int) and not 0 <= name < _MOST_COLUMNS):
        raise SettingsError(f"{argument}={shown(name)}: a column's name or position is needed")


def is_position(name: str | int) -> bool:
    """Whether a column is chosen by its position, a number or a string of digits."""
    return isinstance(name, int) or (name.isascii() and name.isdecimal())


def read_table(
    source: Any,
    *,
    header: bool = True,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    r"""Read a file, a dataframe, a dict of columns or a list of records.

    **Arguments:**

    - `source`: the path of a `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file, or of a `.txt`
      with the fields of a CSV; text may be compressed by gzip (`.csv.gz`); a dict of columns; a
      list of dicts, one a row; or any dataframe that narwhals knows (pandas, polars, pyarrow, ...).
      CSV is quoted as in RFC 4180; a row of TSV is one line.
    - `header`: whether the first line names the columns; without one (and in a dataframe, whose
      columns have an order too) they are named "0", "1", ...
    - `encoding`: of a text file; found if None, see `elman.data.text.files.read_blocks`.
    - `delimiter`: what parts the fields; if None, tabs do in a TSV, and in other files a comma, a
      semicolon, a tab or a pipe, whichever parts all rows alike. With one, the file may have any
      suffix.

    Raises `DataError` naming the file and line of a bad row. Warns of the number of empty rows and
    columns at the end of a file, which are left out.

    >>> read_table({"text": ["good", "bad"], "label": [1, 0]}).column("label", "label")
    [1, 0]
    """
    check_encoding(encoding)
    check_delimiter(delimiter)
    if not isinstance(header, bool):
        raise SettingsError(f"header={shown(header)}: True or False is needed")
    if isinstance(source, (str, Path)):
        return _read_file(existing_file(source), header, encoding, delimiter)
    if isinstance(source, Mapping):
        columns = {str(name): _values(str(name), values) for name, values in source.items()}
        check_different([str(name) for name in source], "the dict")
        return _from_columns("the dict", columns, header)
    if isinstance(source, (list, tuple)) and source and isinstance(source[0], Mapping):
        return _from_columns("the list", _of_records(source), header)
    found = columns_of(source, "the dataframe")
    if found is None:
        raise DataError(
            f"data cannot be read from a {type(source).__name__}; a path, a dataframe, a dict of"
            " columns or a list of dicts is needed"
        )
    return _from_columns("the dataframe", found, header)


def table_of(path: Path) -> Table | None:
    """The table that a file holds, without warnings; None if it is none, or cannot be read."""
    if suffix_of(path) not in SUFFIXES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read_table(path)
    except DataError:
        return None


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, (str, bytes, numbers.Number)):
        raise DataError(
            f"the column {shown(name)} of the dict is {shown(values)}: a list of values is needed"
            " (one row is a list of one dict)"
        )
    return as_list(values, f"the column {shown(name)} of the dict")


def _of_records(records: Any) -> dict[str, list[Any]]:
    for i, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise DataError(f"row {i + 1} of the list is {shown(record)}, where others are dicts")
    rows = [{str(name): value for name, value in record.items()} for record in records]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _read_file(path: Path, header: bool, encoding: str | None, delimiter: str | None) -> Table:
    match suffix_of(path):
        case ".jsonl" | ".ndjson":
            return _from_json_lines(path, header, encoding)
        case ".parquet":
            if path.suffix.lower() != ".parquet":
                raise DataError(f"{path}: Parquet is compressed inside; unpack this file first")
            return _from_parquet(path, header)
        case ".csv" | ".tsv" | ".txt":
            return _from_delimited(path, header, encoding, delimiter)
        case _ if delimiter is not None:
            return _from_delimited(path, header, encoding, delimiter)
        case suffix if suffix in SPREADSHEETS:
            raise DataError(f"{path} is a spreadsheet: save it as CSV, or give it as a dataframe")
    raise DataError(f"{path}: {path.suffix!r} is not one of {', '.join(SUFFIXES)}")


def _from_delimited(path: Path, header: bool, encoding: str | None, delimiter: str | None) -> Table:
    found = read_delimited(path, header=header, encoding=encoding, delimiter=delimiter)
    columns: dict[str, list[Any]] = {**found.columns}
    return Table(str(path), columns, [f"{path}:{line}" for line in found.lines])


def _from_json_lines(path: Path, header: bool, encoding: str | None) -> Table:
    if not header:
        raise DataError(f"{path}: the fields of JSON lines have names; give those, not positions")
    records, places = [], []
    for number, line in read_lines(path, encoding):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}: bad JSON: {error}") from None
        if not isinstance(record, dict):
            raise DataError(f"{path}:{number}: a JSON object is needed, not {line.strip()[:40]}")
        records.append(record)
        places.append(f"{path}:{number}")
    if not records:
        raise DataError(f"{path} is empty")
    return Table(str(path), _of_records(records), places)


def _from_parquet(path: Path, header: bool) -> Table:
    import narwhals as nw

    for backend in ("polars", "pyarrow"):
        try:
            __import__(backend)
        except ImportError:
            continue
        try:
            frame = nw.read_parquet(str(path), backend=backend)
        except Exception as error:
            raise DataError(f"{path} cannot be read as Parquet: {error}") from error
        columns = columns_of(frame.to_native(), str(path))
        assert columns is not None
        return _from_columns(str(path), columns, header)
    raise DataError(f"{path}: Parquet needs polars or pyarrow: pip install 'elman[tables]'")


def _from_columns(source: str, columns: dict[str, list[Any]], header: bool) -> Table:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{source} has columns of unequal lengths: {lengths}")
    count = next(iter(lengths.values()), 0)
    if not count:
        raise DataError(f"{source} has no rows")
    if not header:
        columns = {str(i): values for i, values in enumerate(columns.values())}
    return Table(source, columns, [f"{source}, row {i}" for i in range(1, count + 1)])
