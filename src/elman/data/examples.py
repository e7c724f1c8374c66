"""Labelled examples, texts or sequences of feature vectors, from any source a user has."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.data import checks, tables
from elman.data.datasets import readers
from elman.data.datasets.download import fetch
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.delimited import check_delimiter
from elman.data.frames import columns_of
from elman.data.labels import label_list, labels_of
from elman.data.sequences import sequences_of
from elman.data.splits import stratified
from elman.data.text.encodings import check_encoding
from elman.data.text.files import (
    existing_file,
    is_there,
    may_be_path,
    suffix_of,
    texts_of_lines,
)
from elman.data.values import as_list, is_missing, shown, text_of
from elman.errors import DataError, SettingsError

Label: TypeAlias = str | tuple[str, ...]
_SUFFIXES = (*tables.SUFFIXES, ".ts", ".txt")


@dataclass(frozen=True)
class Examples:
    """Inputs with their labels.

    **Fields:**

    - `inputs`: texts, or feature sequences, each an array (T, F) float32 with its own T.
    - `labels`: one a example: a string, or a tuple of strings where there may be several;
      `None` when there are none (prediction).
    - `names`: where each example comes from, as `reviews.csv:12`, for messages.
    - `left_out`: position in the source -> why it could not be read; of sound alone, all else
      raises an error.

    >>> examples = read_examples([("good", "1"), ("bad", "0"), ("fine", "1")])
    >>> len(examples), examples.classes
    (3, ['0', '1'])
    """

    inputs: list[str] | list[NDArray[np.float32]]
    labels: list[str] | list[tuple[str, ...]] | None
    names: list[str]
    left_out: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def is_text(self) -> bool:
        """Whether the inputs are texts; otherwise they are feature sequences."""
        return isinstance(self.inputs[0], str)

    @property
    def is_multi_label(self) -> bool:
        """Whether an example may have several labels."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)  # type: ignore[index]

    @property
    def classes(self) -> list[str]:
        """The different labels, sorted; empty without labels."""
        return sorted({name for label in self.labels or () for name in _as_tuple(label)})

    @property
    def sha256(self) -> str:
        """A hash of all inputs and labels, in their order."""
        digest = hashlib.sha256()
        for item in self.inputs:
            if isinstance(item, str):
                content = item.encode("utf-8", "surrogatepass")
                digest.update(b"t%d:" % len(content))
            else:
                content = item.astype("<f4").tobytes()
                digest.update(b"f%d,%d:" % item.shape)
            digest.update(content)
        for label in self.labels or ():
            digest.update(b"l%d:" % len(_as_tuple(label)))
            for name in _as_tuple(label):
                content = name.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(content) + content)
        return digest.hexdigest()

    def select(self, indices: Iterable[int]) -> "Examples":
        """Some of the examples, in the order of `indices`."""
        chosen = checks.indices(indices, "indices", len(self)).tolist()
        return Examples(
            inputs=[self.inputs[i] for i in chosen],
            labels=None if self.labels is None else [self.labels[i] for i in chosen],
            names=[self.names[i] for i in chosen],
        )

    def split(self, fraction: float, seed: int = 0) -> "tuple[Examples, Examples]":
        """Two parts, the second of about `fraction`; each label is shared out alike (stratified).

        A label of a single example stays in the first part; sets of labels that occur once
        (multi-label) are shared out together. Both parts keep the examples' order.

        >>> examples = read_examples([(f"text {i}", str(i % 2)) for i in range(10)])
        >>> first, second = examples.split(0.2, seed=1)
        >>> len(first), sorted(second.labels)
        (8, ['0', '1'])
        """
        fraction = checks.share(fraction)
        held_out = stratified(self._groups(), fraction, checks.whole(seed, "seed"))
        if not held_out:
            raise DataError(f"{len(self)} examples are too few to hold out a share of {fraction}")
        out = set(held_out)
        return self.select(i for i in range(len(self)) if i not in out), self.select(sorted(out))

    def _groups(self) -> list[list[int]]:
        groups: dict[Label, list[int]] = {}
        for i in range(len(self)):
            groups.setdefault("" if self.labels is None else self.labels[i], []).append(i)
        if not self.is_multi_label:
            return list(groups.values())
        rare = [i for group in groups.values() if len(group) == 1 for i in group]
        return [group for group in (*groups.values(), rare) if len(group) > 1]


def read_examples(
    source: Any,
    *,
    text: str | int | None = "text",
    label: str | int | None = "label",
    features: str | int | None = "features",
    separator: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Examples:
    r"""Examples from a file, a dataset, a dataframe or Python's own collections.

    **Arguments:**

    - `source`: one of
        - a dataset reference, `text_sst2:train` (see `elman.data.dataset_names`);
        - the path of a table (`.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.parquet`), of sktime's `.ts`,
          or of a `.txt`: a table, if its first line holds the columns' names, else one text a line
          (no labels);
        - a dataframe, a dict of columns or a list of dicts;
        - a tuple `(inputs, labels)`; one label an example, a collection of labels each, or a matrix
          (N, C) of 0 and 1 (one-hot; the columns of a dataframe of them name the classes);
        - a list of `(input, label)` pairs, or of inputs alone (a list, an array, a series) with
          `label=None`; a string that cannot be a path is a text.
    - `text`, `label`, `features`: the columns of a table. A number (or a string of digits) is a
      position from 0, and then the table has no header line. A table with a text column is read as
      text; `text=None` asks for features. `label=None` reads no labels, for prediction.
    - `separator`: splits a label into several (multi-label), as in `"sport|politics"`. Lists of
      labels (JSON lines, dataframes, Python) need none.
    - `encoding`, `delimiter`: of a text file; found if None, see `read_table`.

    **Returns:** `Examples`. A sequence of features is (T, F), or (T,) for F = 1: an array, a
    tensor, a dataframe of T rows, or lists.

    Raises `DataError` with file and line for what cannot be used: an empty text, a missing label,
    features that are NaN, infinite or of unequal sizes.
    """
    check_encoding(encoding)
    check_delimiter(delimiter)
    for argument, name in (("text", text), ("label", label), ("features", features)):
        tables.check_column(name, argument)
    if separator is not None and not (isinstance(separator, str) and separator):
        raise SettingsError(f"separator={shown(separator)}: a string that parts labels is needed")
    rows = _read(source, _Columns(text, label, features), encoding, delimiter)
    if not rows.inputs:
        raise DataError(f"no examples in {_describe(source)}")
    given = None if label is None or rows.labels is None else label_list(rows.labels)
    if label is not None and given is None:
        raise DataError(f"{_describe(source)} has no labels; label=None reads it for prediction")
    if given is not None and len(given) != len(rows.inputs):
        raise DataError(f"{len(rows.inputs)} inputs but {len(given)} labels")
    convert = _texts if rows.is_text else sequences_of
    return Examples(
        inputs=convert(rows.inputs, rows.names),
        labels=None if given is None else labels_of(given, rows.names, separator),
        names=rows.names,
    )


class _Rows(NamedTuple):
    """What a source holds, before it is checked."""

    inputs: list[Any]
    labels: Any
    names: list[str]
    is_text: bool


class _Columns(NamedTuple):
    """The columns of a table by their names or positions."""

    text: str | int | None
    label: str | int | None
    features: str | int | None


def _read(source: Any, columns: _Columns, encoding: str | None, delimiter: str | None) -> _Rows:
    if isinstance(source, str) and is_reference(source):
        return _read_dataset(source)
    if isinstance(source, str) and not may_be_path(source):
        return _in_memory([source], None)
    if isinstance(source, (str, Path)):
        if str(source) and not is_there(source):
            raise missing(str(source))
        path = existing_file(source)
        suffix = suffix_of(path)
        if suffix == ".ts":
            return _read_series(path, encoding)
        if suffix == ".txt":
            return _read_txt(path, columns, encoding, delimiter)
        if suffix not in tables.SUFFIXES and delimiter is None:
            raise DataError(f"{path}: {path.suffix!r} is not one of {', '.join(_SUFFIXES)}")
        return _read_table(path, columns, encoding, delimiter)
    if isinstance(source, Examples):
        return _Rows(list(source.inputs), source.labels, source.names, source.is_text)
    if isinstance(source, tuple):
        return _read_tuple(source, columns.label is not None)
    if isinstance(source, Mapping) or columns_of(source, "the dataframe") is not None:
        return _read_table(source, columns)
    if not isinstance(source, Iterable):
        raise DataError(
            f"data cannot be read from a {type(source).__name__}; a path, a dataframe, a dict of"
            " columns, a list of dicts, texts or sequences, or a tuple (inputs, labels) is needed"
        )
    items = as_list(source, "data")
    if items and isinstance(items[0], Mapping):
        return _read_table(items, columns)
    if items and all(isinstance(item, tuple) and len(item) == 2 for item in items):
        return _in_memory([item[0] for item in items], [item[1] for item in items])
    return _in_memory(items, None)


def _read_tuple(source: tuple[Any, ...], labelled: bool) -> _Rows:
    if source and all(isinstance(item, (str, bytes)) for item in source):
        if labelled:
            raise DataError(
                "a tuple of texts has no labels: give a list of (text, label) pairs, or a tuple"
                " (texts, labels)"
            )
        return _in_memory(list(source), None)
    if len(source) != 2:
        raise DataError(f"a tuple (inputs, labels) is needed, not one of {len(source)}")
    inputs = source[0]
    columns = columns_of(inputs, "the dataframe of inputs")
    if columns is not None:
        if len(columns) != 1:
            raise DataError(
                f"the inputs are a dataframe with the columns {', '.join(columns)}: give one of"
                " them, a list of dataframes (a sequence each), or all as one dataframe"
            )
        inputs = next(iter(columns.values()))
    return _in_memory(as_list(inputs, "inputs"), source[1])


def _in_memory(inputs: list[Any], labels: Any) -> _Rows:
    names = [f"example {i}" for i in range(len(inputs))]
    is_text = any(isinstance(item, (str, bytes)) for item in inputs)
    return _Rows(inputs, labels, names, is_text)


def _read_txt(path: Path, columns: _Columns, encoding: str | None, delimiter: str | None) -> _Rows:
    """A table if the first line names the wanted columns, else one text a line."""
    lines = texts_of_lines(path, encoding)
    wanted = {str(name) for name in (columns.text, columns.label) if name is not None}
    first = lines[0][1] if lines else ""
    for mark in check_delimiter(delimiter) or "\t,;|":
        fields = {field.strip('"') for field in first.split(mark)}
        if len(fields) > 1 and wanted <= fields and all(mark in line for _, line in lines):
            return _read_table(path, columns, encoding, mark)
    names = [f"{path}:{number}" for number, _ in lines]
    return _Rows([line for _, line in lines], None, names, is_text=True)


def _read_dataset(reference: str) -> _Rows:
    dataset, part = resolve(reference)
    if part.examples is None:
        raise DataError(f"{reference} is {part.kind}, without labelled examples")
    inputs: list[Any] = []
    labels: list[str] = []
    names: list[str] = []
    for file, path in zip(part.files, fetch(dataset, part.files), strict=True):
        for example in part.examples(path):
            inputs.append(example.input)
            labels.append(example.label)
            names.append(f"{dataset.name}/{file}:{example.line}")
    return _Rows(inputs, labels, names, is_text=isinstance(inputs[0], str))


def _read_series(path: Path, encoding: str | None) -> _Rows:
    rows = list(readers.series(path, encoding))
    labelled = any(row.label for row in rows)
    return _Rows(
        [row.input for row in rows],
        [row.label for row in rows] if labelled else None,
        [f"{path}:{row.line}" for row in rows],
        is_text=False,
    )


def _read_table(
    source: Any, columns: _Columns, encoding: str | None = None, delimiter: str | None = None
) -> _Rows:
    text, label, features = columns
    if text is None and features is None:
        raise SettingsError("text=None and features=None: one of the two must name a column")
    table = _table(source, text, label, encoding, delimiter)
    is_text = text is not None and (
        str(text) in table.columns or str(features) not in table.columns
    )
    chosen, argument = (text, "text") if is_text else (features, "features")
    inputs = table.column(str(chosen), argument)
    labels = None if label is None else table.column(label, "label")
    return _Rows(inputs, labels, table.rows, is_text)


def _table(
    source: Any,
    text: str | int | None,
    label: str | int | None,
    encoding: str | None,
    delimiter: str | None,
) -> tables.Table:
    """The table, without a header if the columns are given by their positions.

    Of a table in memory numbers are names first: its columns may be called so.
    """
    names = [name for name in (text, label) if name is not None]
    if not isinstance(source, Path):
        table = tables.read_table(source)
        if all(str(name) in table.columns for name in names):
            return table
    positions = [tables.is_position(name) for name in names]
    if any(positions) and not all(positions):
        raise SettingsError(
            f"text={shown(text)} and label={shown(label)}: give both as names or both as positions"
        )
    return tables.read_table(
        source, header=not any(positions), encoding=encoding, delimiter=delimiter
    )


def _describe(source: Any) -> str:
    if isinstance(source, Path) or (isinstance(source, str) and may_be_path(source)):
        return str(source)
    return "the text" if isinstance(source, str) else f"the {type(source).__name__}"


def _texts(inputs: list[Any], names: list[str]) -> list[str]:
    texts = []
    for value, name in zip(inputs, names, strict=True):
        try:
            text = text_of(value)
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: the text is not UTF-8: {error.reason}") from None
        if is_missing(text) or (isinstance(text, str) and not text.strip()):
            raise DataError(f"{name}: the text is empty")
        if not isinstance(text, str):
            raise DataError(f"{name}: the text is a {type(text).__name__}, not a string")
        texts.append(str(text))
    return texts


def _as_tuple(label: Label) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (label,)
