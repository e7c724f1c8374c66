"""The two columns of a table that are pairs: named, by position, or guessed with a warning."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

from elman.data import tables
from elman.data.pairs.languages import is_language
from elman.data.pairs.rows import Column, Rows, Wanted
from elman.data.text.files import suffix_of
from elman.data.values import is_missing, shown
from elman.errors import DataError, SettingsError

_SOURCE, _TARGET = "source", "target"
_WITH_NAMES = (".jsonl", ".ndjson", ".parquet")
_SIDES = (
    "source target src tgt trg input output question answer query response text translation"
    " original translated sentence sentence1 sentence2 wrong correct incorrect corrected"
)


def rows_of_table(data: Any, wanted: Wanted) -> Rows:
    """The pairs of a table file, a dataframe, a dict of columns or a list of dicts."""
    names = [name for name in (wanted.source, wanted.target) if name is not None]
    header = True
    if isinstance(data, Path):
        header = _has_header(names, wanted)
        table = tables.read_table(
            data, header=header, encoding=wanted.encoding, delimiter=wanted.delimiter
        )
    else:
        table = tables.read_table(data)
    may_lack_header = header and isinstance(data, Path) and suffix_of(data) not in _WITH_NAMES
    return rows_of(table, wanted, may_lack_header=may_lack_header)


def _has_header(names: list[str | int], wanted: Wanted) -> bool:
    positions = [tables.is_position(name) for name in names]
    if any(positions) and not all(positions):
        raise SettingsError(
            f"source={shown(wanted.source)} and target={shown(wanted.target)}: give both as names"
            " or both as positions"
        )
    return not any(positions)


def rows_of(table: tables.Table, wanted: Wanted, *, may_lack_header: bool = False) -> Rows:
    """The pairs of a table that is read.

    **Arguments:** `may_lack_header`: whether its columns' names were the first line of a file,
    which may be a pair itself.
    """
    names = _chosen(table, wanted, may_lack_header)
    if wanted.labelled and names.source == names.target:
        raise SettingsError(f"source and target are the same column, {shown(names.source)}")
    return Rows(
        table.column(names.source, "source"),
        table.column(names.target, "target") if wanted.labelled else None,
        table.rows,
    )


class _Names(NamedTuple):
    source: str
    target: str


def _chosen(table: tables.Table, wanted: Wanted, may_lack_header: bool) -> _Names:
    source, target = (_name(table, column) for column in (wanted.source, wanted.target))
    if source is None and _SOURCE in table.columns and target != _SOURCE:
        source = _SOURCE
    if target is None and _TARGET in table.columns and source != _TARGET:
        target = _TARGET
    if source is not None and (target is not None or not wanted.labelled):
        return _Names(source, target or "")
    texts = _text_columns(table)
    given = [name for name in (source, target) if name is not None]
    others = [name for name in texts if name not in given]
    needed = 2 - len(given) if wanted.labelled else 1
    may_be_guessed = len(others) == needed or (not wanted.labelled and len(others) == 2)
    columns = ", ".join(map(shown, table.columns))
    if not may_be_guessed:
        raise DataError(
            f"{table.source} has the columns {columns}: choose two of them with source=... and"
            " target=... (--source, --target); positions, source=0 and target=1, read a file"
            " without a header line"
        )
    if may_lack_header and not given and not all(map(_is_name, table.columns)):
        raise DataError(
            f"{table.source}: it is not clear whether the first line, {columns}, names the columns:"
            " source=0 and target=1 (--source 0 --target 1) read a file without a header line;"
            " if it has one, give the names"
        )
    left = iter(others)
    guessed = _Names(source or next(left), target or next(left, ""))
    what = f"source={shown(guessed.source)}"
    if wanted.labelled:
        what += f" and target={shown(guessed.target)}"
    warnings.warn(f"{table.source}: {what} are guessed from the columns {columns}", stacklevel=2)
    return guessed


def _name(table: tables.Table, column: Column) -> str | None:
    """A column's name; of a position that is no name the column that stands there."""
    if column is None or str(column) in table.columns or not tables.is_position(column):
        return None if column is None else str(column)
    by_position = {str(i): name for i, name in enumerate(table.columns)}
    return by_position.get(str(column), str(column))


def _text_columns(table: tables.Table) -> list[str]:
    if len(table.columns) == 2:
        return list(table.columns)
    return [name for name, values in table.columns.items() if _are_texts(values)]


def _are_texts(values: list[Any]) -> bool:
    given = [value for value in values if not is_missing(value)]
    return (
        bool(given)
        and all(isinstance(value, (str, bytes)) for value in given)
        and not all(isinstance(value, str) and _is_number(value) for value in given)
    )


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    """Whether the first line's field is a name beyond doubt: a word for a side, or a language."""
    return text.strip().lower() in _SIDES.split() or is_language(text.strip())
