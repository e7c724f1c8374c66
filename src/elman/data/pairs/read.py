"""Pairs of texts from files, datasets, dataframes or Python's own collections."""

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from elman.data import tables
from elman.data.datasets.download import fetch
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.delimited import check_delimiter
from elman.data.frames import columns_of
from elman.data.pairs.columns import rows_of, rows_of_table
from elman.data.pairs.lines import (
    beginning_with,
    lines_of_file,
    rows_of_lines,
    rows_of_two_files,
    two_files,
)
from elman.data.pairs.pairs import Pairs
from elman.data.pairs.rows import Rows, Wanted
from elman.data.pairs.tmx import rows_of_tmx
from elman.data.pairs.weighted import check_weight, weighted_parts
from elman.data.text.encodings import check_encoding
from elman.data.text.files import existing_file, may_be_path, suffix_of
from elman.data.values import as_list, is_array, is_missing, shown, text_of
from elman.errors import DataError

_NEEDED = (
    "a table with the two columns, a TMX file, the prefix of two files with source='en' and"
    " target='de', or a list of (source, target) tuples"
)


def read_pairs(
    data: Any,
    *,
    source: str | int | None = None,
    target: str | int | None = None,
    labelled: bool = True,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Pairs:
    """Pairs of texts from any source.

    **Arguments:**

    - `data`: one of
        - a dataset reference, `mt_tatoeba_eng_cmn:train`, with the columns `english`, `chinese`;
        - the path of a table (`.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.parquet`, or text whose lines
          are separated by tabs); of a translation memory (`.tmx`); or the prefix `train` of the two
          files `train.en` and `train.de` (Moses), for source="en", target="de". Text may be
          compressed by gzip (`.tsv.gz`);
        - a tuple of the paths of two files, in which the same line holds the two sides;
        - several of these: a list of paths, a dict of path -> weight of its pairs in training, or a
          string `"a.tsv,b.tsv=0.2"`;
        - a dataframe, a dict of columns, a list of dicts, a list of `(source, target)` tuples, or a
          tuple of two lists;
        - for prediction also a list of texts, or the path of a file of one text a line, in which an
          empty line is an empty text.
    - `source`, `target`: the columns of a table, by name or position from 0 (with positions a file
      has no header line), or languages. If None they are the columns `source` and `target`, or the
      two columns of texts if there are no more, with a warning.
    - `labelled`: whether there must be targets; without them, sources alone are read.
    - `encoding`, `delimiter`: of text files; found if None, see `read_table`.

    **Returns:** `Pairs`. A missing text is an empty one: see `check_pairs`.

    Raises `DataError` with file and line for what cannot be used, `SettingsError` for an argument.

    >>> read_pairs([("one", "eins"), ("two", "zwei")]).targets
    ['eins', 'zwei']
    """
    tables.check_column(source, "source")
    tables.check_column(target, "target")
    check_encoding(encoding)
    check_delimiter(delimiter)
    wanted = Wanted(source, target, bool(labelled), encoding, delimiter)
    if isinstance(data, Pairs):
        return _of_pairs(data, wanted)
    found = [_checked(rows, weight, wanted.labelled) for rows, weight in _sources(data, wanted)]
    pairs = found[0] if len(found) == 1 else _joined(found)
    if not len(pairs):
        raise DataError(f"no pairs in {_describe(data)}")
    return pairs


def _of_pairs(pairs: Pairs, wanted: Wanted) -> Pairs:
    if wanted.labelled and pairs.targets is None:
        raise DataError("the pairs have no targets")
    return pairs if wanted.labelled else replace(pairs, targets=None, weights=None)


def _sources(data: Any, wanted: Wanted) -> list[tuple[Rows, float]]:
    """All that the data consists of, each with its weight."""
    if isinstance(data, str) and not may_be_path(data):
        return [(_of_texts([data], wanted), 1.0)]
    if isinstance(data, (str, Path)):
        return _of_name(data, wanted)
    if isinstance(data, Mapping) and data and all(map(_is_weight, data.values())):
        return [
            (_of_path(path, wanted), check_weight(weight, path)) for path, weight in data.items()
        ]
    if isinstance(data, Mapping) or columns_of(data, "the dataframe") is not None:
        return [(rows_of_table(data, wanted), 1.0)]
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], tuple):
        return [(_of_two(data, wanted), 1.0)]
    if not isinstance(data, Iterable):
        raise DataError(f"pairs cannot be read from a {type(data).__name__}: {_NEEDED} will do")
    items = as_list(data, "data")
    if items and all(isinstance(item, Path) for item in items):
        return [part for path in items for part in _of_name(path, wanted)]
    if wanted.labelled and items and all(isinstance(item, str) for item in items):
        return [part for path in _paths(items, wanted) for part in _of_name(path, wanted)]
    if items and isinstance(items[0], Mapping):
        return [(rows_of_table(items, wanted), 1.0)]
    return [(_of_items(items, wanted), 1.0)]


def _is_weight(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _paths(items: list[str], wanted: Wanted) -> list[str]:
    """Strings that name sources; a `DataError` if they are texts."""
    for item in items:
        parts = weighted_parts(item, lambda part: _is_there(part, wanted))
        if not any(_is_there(part, wanted) for part, _ in parts):
            raise DataError(
                f"no such file: {shown(item)}; a list of texts has no targets, give (source,"
                " target) tuples"
            )
    return items


def _of_name(name: str | Path, wanted: Wanted) -> list[tuple[Rows, float]]:
    if isinstance(name, Path):
        return [(_of_path(name, wanted), 1.0)]
    parts = weighted_parts(name, lambda part: _is_there(part, wanted))
    if len(parts) > 1 and not any(_is_there(part, wanted) for part, _ in parts):
        raise missing(name)
    return [(_of_path(part, wanted), weight) for part, weight in parts]


def _is_there(name: str, wanted: Wanted) -> bool:
    if "," not in name and "=" not in name and is_reference(name):
        return True
    if not name or not may_be_path(name):
        return False
    return Path(name).exists() or two_files(name, wanted) is not None


def _of_path(name: str | Path, wanted: Wanted) -> Rows:
    if isinstance(name, str) and is_reference(name):
        return _of_dataset(name, wanted)
    if not isinstance(name, (str, Path)):
        raise DataError(f"{shown(name)} is not the path of a file")
    if may_be_path(str(name)) and not Path(name).is_file():
        files = two_files(name, wanted)
        if files is not None:
            return _of_files(*files, wanted)
        if not Path(name).exists() and str(name):
            raise _no_file(str(name), wanted)
    path = existing_file(name)
    suffix = suffix_of(path)
    if suffix == ".tmx":
        return rows_of_tmx(path, wanted)
    if suffix in (*tables.SUFFIXES, *tables.SPREADSHEETS) or wanted.delimiter is not None:
        return rows_of_table(path, wanted)
    return _of_text_file(path, wanted)


def _no_file(name: str, wanted: Wanted) -> DataError:
    """The error for what is no file, no dataset and no prefix of two files."""
    sides = [f"{name}.{side}" for side in (wanted.source, wanted.target) if isinstance(side, str)]
    beside = beginning_with(Path(name))
    if not beside:
        more = f", nor {' and '.join(sides)}" if sides else ""
        return DataError(f"{missing(name)}{more}")
    ends = [path.name.removeprefix(f"{Path(name).name}.") for path in beside]
    return DataError(
        f"no such file: {name}; of {', '.join(map(str, beside))} choose the two sides with"
        f" source=... and target=... (--source, --target), as source={ends[0]!r}"
    )


def _of_text_file(path: Path, wanted: Wanted) -> Rows:
    """A table if its first line names the columns or tabs part its lines, else one text a line."""
    lines = [line for line in lines_of_file(path, wanted.encoding) if line.strip()]
    positions = wanted.source is not None and tables.is_position(wanted.source)
    names = {str(wanted.source or "source")}
    if wanted.labelled:
        names.add(str(wanted.target or "target"))
    for mark in "\t,;|" if lines else "":
        share = sum(mark in line for line in lines) / len(lines)
        fields = {field.strip('"') for field in lines[0].split(mark)}
        by_tabs = mark == "\t" and share > 0.5 and (wanted.labelled or positions)
        if by_tabs or (share == 1 and names <= fields):
            return rows_of_table(path, replace(wanted, delimiter=mark))
    if wanted.labelled and lines:
        raise DataError(
            f"{path} is a text without targets, and its lines have no tabs: {_NEEDED} will do"
        )
    return rows_of_lines(path, wanted.encoding)


def _of_dataset(reference: str, wanted: Wanted) -> Rows:
    """The columns that are asked for; if none are, in their order."""
    dataset, part = resolve(reference)
    if part.pairs is None:
        raise DataError(f"{reference} is {part.kind}, without pairs")
    (file,) = part.files
    (path,) = fetch(dataset, part.files)
    table = part.pairs(path)
    rows = [f"{dataset.name}/{file}{row.removeprefix(str(path))}" for row in table.rows]
    names: list[str | int] = [*table.columns]
    source, target = wanted.source, wanted.target
    if source is None:
        source = next(name for i, name in enumerate(names) if str(target) not in (name, str(i)))
    if target is None:
        target = next(name for i, name in enumerate(names) if str(source) not in (name, str(i)))
    table = tables.Table(reference, table.columns, rows)
    return rows_of(table, replace(wanted, source=source, target=target))


def _of_two(data: tuple[Any, Any], wanted: Wanted) -> Rows:
    """Two files, or two lists, of the same length."""
    first, second = data
    if isinstance(first, (str, Path)) and isinstance(second, (str, Path)):
        if not wanted.labelled and isinstance(first, str) and not _is_there(first, wanted):
            return _of_texts([first, second], wanted)
        return _of_files(Path(first), Path(second), wanted)
    if isinstance(first, str):  # a single pair
        return _of_items([data], wanted)
    sources, targets = as_list(first, "sources"), as_list(second, "targets")
    if len(sources) != len(targets):
        raise DataError(f"{len(sources)} sources but {len(targets)} targets")
    return Rows(sources, targets if wanted.labelled else None, _numbered("pair", len(sources)))


def _of_files(source: Path, target: Path | None, wanted: Wanted) -> Rows:
    if target is None or not wanted.labelled:
        return rows_of_lines(existing_file(source), wanted.encoding)
    return rows_of_two_files(source, target, wanted)


def _of_items(items: list[Any], wanted: Wanted) -> Rows:
    """A list of pairs, or, for prediction, of texts."""
    items = [item.tolist() if is_array(item) else item for item in items]
    if not wanted.labelled and not isinstance(next(iter(items), ""), (tuple, list)):
        return _of_texts(items, wanted)
    names = _numbered("pair", len(items))
    for item, name in zip(items, names, strict=True):
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise DataError(f"{name}: a tuple (source, target) is needed, not {shown(item)}")
    sources = [item[0] for item in items]
    return Rows(sources, [item[1] for item in items] if wanted.labelled else None, names)


def _of_texts(texts: list[Any], wanted: Wanted) -> Rows:
    if wanted.labelled:
        raise DataError(f"texts alone have no targets: {_NEEDED} will do")
    return Rows(texts, None, _numbered("text", len(texts)))


def _numbered(what: str, count: int) -> list[str]:
    return [f"{what} {i}" for i in range(count)]


def _checked(rows: Rows, weight: float, labelled: bool) -> Pairs:
    sources = _texts(rows.sources, rows.names, "source")
    targets = None if rows.targets is None else _texts(rows.targets, rows.names, "target")
    weights = [weight] * len(sources) if labelled and weight != 1 else None
    return Pairs(sources, targets, rows.names, weights, rows.left_out)


def _texts(values: Iterable[Any], names: list[str], side: str) -> list[str]:
    texts = []
    for value, name in zip(values, names, strict=True):
        try:
            text = text_of(value)
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: the {side} is not UTF-8: {error.reason}") from None
        if is_missing(text):
            text = ""
        if not isinstance(text, str):
            raise DataError(f"{name}: the {side} is {shown(text)}, not a string")
        texts.append(str(text))
    return texts


def _joined(parts: list[Pairs]) -> Pairs:
    """All pairs of several sources; a weight for each if one of the sources has weights."""
    left_out: dict[int, str] = {}
    start = 0
    for part in parts:
        left_out |= {start + place: reason for place, reason in part.left_out.items()}
        start += len(part) + len(part.left_out)
    has_targets = all(part.targets is not None for part in parts)
    has_weights = any(part.weights is not None for part in parts)
    return Pairs(
        sources=[text for part in parts for text in part.sources],
        targets=[text for part in parts for text in part.targets or ()] if has_targets else None,
        names=[name for part in parts for name in part.names],
        weights=[w for part in parts for w in part.weights or [1.0] * len(part)]
        if has_weights
        else None,
        left_out=left_out,
    )


def _describe(data: Any) -> str:
    return str(data) if isinstance(data, (str, Path)) else f"the {type(data).__name__}"
