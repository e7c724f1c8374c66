"""Columns of users' own tables: CSV, TSV, JSON lines, Parquet and any dataframe."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.data.text import existing_file, read_lines, read_text
from elman.errors import DataError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LONGEST_FIELD = 1 << 30


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
        if str(name) in self.columns:
            return self.columns[str(name)]
        raise DataError(
            f"{self.source} has no column {str(name)!r}: it has "
            f"{', '.join(repr(column) for column in self.columns)}; choose with "
            f"{argument}=... (--{argument})"
        )


def read_table(source: Any, *, header: bool = True) -> Table:
    r"""Read a file, a dataframe or a dict of columns.

    **Arguments:**

    - `source`: the path of a `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet` file, a dict of
      columns, or any dataframe that narwhals knows (pandas, polars, pyarrow, ...). CSV is quoted
      as in RFC 4180; a row of TSV is one line.
    - `header`: whether the first line names the columns; without one (and in a dataframe, whose
      columns have an order too) they are named "0", "1", ...

    Raises `DataError` naming the file and line of a bad row.

    >>> read_table({"text": ["good", "bad"], "label": [1, 0]}).column("label", "label")
    [1, 0]
    """
    if isinstance(source, (str, Path)):
        return _read_file(existing_file(source), header)
    if isinstance(source, Mapping):
        columns = {str(name): list(values) for name, values in source.items()}
        return _from_columns("the dict", columns, header)
    return _from_dataframe("the dataframe", source, header)


def _read_file(path: Path, header: bool) -> Table:
    match path.suffix.lower():
        case ".csv":
            return _from_rows(path, _csv_rows(path), header)
        case ".tsv":
            return _from_rows(path, _tsv_rows(path), header)
        case ".jsonl" | ".ndjson":
            return _from_json_lines(path, header)
        case ".parquet":
            return _from_parquet(path, header)
    raise DataError(f"{path}: {path.suffix!r} is not one of {', '.join(SUFFIXES)}")


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{path}:{line}: bad CSV in the row that starts here: {error}"
                ) from None
            if row:
                yield line, row
    finally:
        csv.field_size_limit(limit)


def _tsv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in read_lines(path):
        if line:
            yield number, [_unquoted(field) for field in line.split("\t")]


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if _QUOTED.fullmatch(field) else field


def _from_rows(path: Path, rows: Iterator[tuple[int, list[str]]], header: bool) -> Table:
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty")
    names = first[1] if header else [str(i) for i in range(len(first[1]))]
    if len(set(names)) < len(names):
        raise DataError(f"{path}:{first[0]}: two columns have the same name: {', '.join(names)}")
    values, places = ([], []) if header else ([first[1]], [f"{path}:{first[0]}"])
    for number, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}:{number}: {len(row)} fields where line {first[0]} has {len(names)}"
            )
        values.append(row)
        places.append(f"{path}:{number}")
    if not values:
        raise DataError(f"{path} has a header and no rows")
    columns = zip(*values, strict=True)
    return Table(str(path), {n: list(c) for n, c in zip(names, columns, strict=True)}, places)


def _from_json_lines(path: Path, header: bool) -> Table:
    if not header:
        raise DataError(f"{path}: the fields of JSON lines have names; give those, not positions")
    records, places = [], []
    for number, line in read_lines(path):
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
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return Table(str(path), columns, places)


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
        return _from_dataframe(str(path), frame, header)
    raise DataError(f"{path}: Parquet needs polars or pyarrow: pip install 'elman[tables]'")


def _from_dataframe(source: str, native: Any, header: bool) -> Table:
    import narwhals as nw

    try:
        frame = nw.from_native(native)
    except TypeError:
        raise DataError(f"data cannot be read from a {type(native).__name__}") from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    columns = {name: frame[name].to_list() for name in frame.columns}
    return _from_columns(source, columns, header)


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
