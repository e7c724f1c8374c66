"""Rows of CSV and TSV as people's programs write them: any delimiter, empty rows at the end."""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from elman.data.frames import check_different
from elman.data.text.files import counted, left_out, lines_of, read_text, suffix_of
from elman.data.values import shown
from elman.errors import DataError, SettingsError

_CANDIDATES = (",", ";", "\t", "|")
_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEP = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # the first line that Excel heeds
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LONGEST_FIELD = 1 << 30
_ROWS_LOOKED_AT = 1000

Row = tuple[int, list[str]]  # the line on which it begins, and its fields


class Delimited(NamedTuple):
    """The columns of a file, and the line of each row."""

    columns: dict[str, list[str]]
    lines: list[int]


def check_delimiter(delimiter: str | None) -> str | None:
    r"""One character that may part fields, also given as "tab" or "\\t"; else `SettingsError`.

    >>> check_delimiter("tab")
    '\t'
    """
    if delimiter is None:
        return None
    found = _NAMES.get(delimiter, delimiter) if isinstance(delimiter, str) else ""
    if len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise SettingsError(
            f"delimiter={shown(delimiter)} is not one character that parts fields, as ',', ';', '|'"
            " or tab"
        )
    return found


def read_delimited(
    path: Path, *, header: bool, encoding: str | None, delimiter: str | None
) -> Delimited:
    """The columns of a `.tsv` (a row is a line), or of any other file (quoted as in RFC 4180).

    A file other than a `.csv` whose `delimiter` is a tab is read as a `.tsv`, too.

    **Arguments:**

    - `path`: the file.
    - `header`: whether the first row names the columns; else they are "0", "1", ...
    - `encoding`, `delimiter`: found in the file if None.

    Empty rows and unnamed empty columns, which spreadsheets leave at the end, are left out with a
    warning that counts them. An empty line is a row only where there is a single column.
    """
    text = read_text(path, encoding)
    delimiter = check_delimiter(delimiter)
    first_line = 1
    if found := _SEP.match(text):
        text, first_line, delimiter = text[found.end() :], 2, delimiter or found[1]
    suffix = suffix_of(path)
    if suffix == ".tsv" or (suffix != ".csv" and delimiter == "\t"):
        rows = list(_tsv_rows(text, delimiter or "\t", first_line))
    else:
        delimiter = delimiter or find_delimiter(text, header=header)
        rows = list(_csv_rows(text, delimiter, first_line, path))
    return _checked(path, rows, header, delimiter or "\t")


def find_delimiter(text: str, *, header: bool) -> str:
    r"""The character that parts the fields of all of the first rows into equally many.

    A comma, unless another does so and there are no commas but those within numbers. Without any
    that does, a comma, too.

    >>> find_delimiter("text;stars\nshort, but good;5\n", header=True)
    ';'
    """
    fitting = {}
    for candidate in _CANDIDATES:
        sizes = _sizes(text, candidate)
        if sizes and sizes[0] > 1:
            fitting[candidate] = len(set(sizes)) == 1
    even = [candidate for candidate, is_even in fitting.items() if is_even]
    if not header and even == ["|"]:  # of texts without a header it may be a part
        return ","
    if even[:1] == [","] and len(even) > 1 and even[1] != "|":
        start = text[: 1 << 16]
        if "," not in _DECIMAL_COMMA.sub("", start):
            return even[1]
    return next(iter([*even, *fitting, ","]))


def _sizes(text: str, delimiter: str) -> list[int]:
    """How many fields the first rows have."""
    try:
        rows = islice(_csv_rows(text, delimiter, 1, Path()), _ROWS_LOOKED_AT)
        return [len(row) for _, row in rows if row]
    except DataError:
        return []


def _csv_rows(text: str, delimiter: str, first_line: int, path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        while True:
            line = reader.line_num + first_line
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataError(
                    f"{path}:{line}: bad CSV in the row that starts here: {error}"
                ) from None
            yield line, row
    finally:
        csv.field_size_limit(limit)


def _tsv_rows(text: str, delimiter: str, first_line: int) -> Iterator[Row]:
    for number, line in lines_of(text):
        fields = [_unquoted(field) for field in line.split(delimiter)] if line else []
        yield number + first_line - 1, fields


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if _QUOTED.fullmatch(field) else field


def _checked(path: Path, rows: list[Row], header: bool, delimiter: str) -> Delimited:
    while rows and not rows[-1][1]:
        rows.pop()
    while rows and not rows[0][1]:
        rows.pop(0)
    if not rows:
        raise DataError(f"{path} is empty")
    first, given = rows[0]
    if len(given) == 1:  # an empty line is an empty field
        rows = [(line, row or [""]) for line, row in rows]
    else:
        rows = [(line, row) for line, row in rows if row]
    count = len(rows)
    while len(rows) > 1 and not any(field.strip() for field in rows[-1][1]):
        rows.pop()
    width = _width(rows, header)
    names = given[:width] if header else [str(i) for i in range(width)]
    without = "; the columns of a file without a header line are chosen by position, from 0"
    check_different(names, f"{path}:{first}", without)
    body = rows[1:] if header else rows
    for line, row in body:
        if len(row) != width and (len(row) < width or any(row[width:])):
            raise DataError(
                f"{path}:{line}: {len(row)} fields where line {first} has {len(given)}, separated"
                f" by {delimiter!r}: choose another with delimiter=... (--delimiter)"
            )
    what = [
        counted(number, noun)
        for number, noun in (
            (count - len(rows), "empty row at the end"),
            (len(given) - width, "empty column without a name"),
        )
        if number
    ]
    if what:
        left_out(path, ", ".join(what))
    if not body:
        raise DataError(f"{path} has a header and no rows")
    columns = zip(*(row[:width] for _, row in body), strict=True)
    return Delimited(
        {name: list(column) for name, column in zip(names, columns, strict=True)},
        [line for line, _ in body],
    )


def _width(rows: list[Row], header: bool) -> int:
    """How many columns there are without those at the end that are empty and unnamed."""
    width = len(rows[0][1])
    if not header:
        return width
    filled = max((len(_stripped(row)) for _, row in rows), default=0)
    return max(1, min(width, filled))


def _stripped(row: list[str]) -> list[str]:
    """The fields up to the last one that is not empty."""
    length = len(row)
    while length and not row[length - 1].strip():
        length -= 1
    return row[:length]
