"""Labelled examples, texts or sequences of feature vectors, from any source a user has."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.data import formats, tables
from elman.data.download import fetch
from elman.data.registry import is_reference, missing, resolve
from elman.data.text import existing_file, read_lines
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
        chosen = [int(i) for i in indices]
        return Examples(
            inputs=[self.inputs[i] for i in chosen],  # type: ignore[arg-type]
            labels=None if self.labels is None else [self.labels[i] for i in chosen],  # type: ignore[arg-type]
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
        if not 0 < fraction < 1:
            raise SettingsError(f"fraction={fraction}: a number between 0 and 1 is needed")
        random = np.random.default_rng(seed)
        held_out: list[int] = []
        debt = 0.0
        for group in self._groups():
            share = len(group) * fraction + debt
            count = min(max(round(share), 0), len(group) - 1)
            debt = min(share - count, 0.5)
            held_out.extend(random.permutation(group)[:count].tolist())
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
) -> Examples:
    r"""Examples from a file, a dataset, a dataframe or Python's own collections.

    **Arguments:**

    - `source`: one of
        - a dataset reference, `text_sst2:train` (see `elman.data.datasets`);
        - the path of a table (`.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.parquet`), of sktime's `.ts`,
          or of a `.txt` with one text a line (no labels);
        - a dataframe or a dict of columns;
        - a tuple `(inputs, labels)`;
        - a list of `(input, label)` pairs, or of inputs alone with `label=None`.
    - `text`, `label`, `features`: the columns of a table. A number (or a string of digits) is a
      position from 0, and then the table has no header line. A table with a text column is read as
      text; `text=None` asks for features. `label=None` reads no labels, for prediction.
    - `separator`: splits a label into several (multi-label), as in `"sport|politics"`. Lists of
      labels (JSON lines, dataframes, Python) need none.

    **Returns:** `Examples`. A sequence of features is (T, F), or (T,) for F = 1.

    Raises `DataError` with file and line for what cannot be used: an empty text, a missing label,
    features that are NaN, infinite or of unequal sizes.
    """
    rows = _read(source, text, label, features)
    if not rows.inputs:
        raise DataError(f"no examples in {_describe(source)}")
    given = None if label is None or rows.labels is None else list(rows.labels)
    if label is not None and given is None:
        raise DataError(f"{_describe(source)} has no labels; label=None reads it for prediction")
    if given is not None and len(given) != len(rows.inputs):
        raise DataError(f"{len(rows.inputs)} inputs but {len(given)} labels")
    convert = _texts if rows.is_text else _features
    return Examples(
        inputs=convert(rows.inputs, rows.names),
        labels=None if given is None else labels_of(given, rows.names, separator),
        names=rows.names,
    )


class _Rows(NamedTuple):
    """What a source holds, before it is checked."""

    inputs: list[Any]
    labels: Sequence[Any] | None
    names: list[str]
    is_text: bool


def _read(
    source: Any, text: str | int | None, label: str | int | None, features: str | int | None
) -> _Rows:
    if isinstance(source, (str, Path)):
        if isinstance(source, str) and is_reference(source):
            return _read_dataset(source)
        path = Path(source)
        if not path.exists():
            raise missing(str(source))
        existing_file(path)
        if path.suffix.lower() == ".ts":
            return _read_series(path)
        if path.suffix.lower() == ".txt":
            lines = list(read_lines(path))
            names = [f"{path}:{number}" for number, _ in lines]
            return _Rows([line for _, line in lines], None, names, is_text=True)
        if path.suffix.lower() not in tables.SUFFIXES:
            raise DataError(f"{path}: {path.suffix!r} is not one of {', '.join(_SUFFIXES)}")
        return _read_table(path, text, label, features)
    if isinstance(source, Examples):
        return _Rows(list(source.inputs), source.labels, source.names, source.is_text)
    if isinstance(source, tuple):
        if len(source) != 2:
            raise DataError(f"a tuple (inputs, labels) is needed, not one of {len(source)}")
        return _in_memory(list(source[0]), source[1])
    if isinstance(source, list):
        return _read_list(source)
    return _read_table(source, text, label, features)


def _read_list(source: list[Any]) -> _Rows:
    if source and all(isinstance(item, tuple) and len(item) == 2 for item in source):
        return _in_memory([item[0] for item in source], [item[1] for item in source])
    return _in_memory(source, None)


def _in_memory(inputs: list[Any], labels: Sequence[Any] | None) -> _Rows:
    names = [f"example {i}" for i in range(len(inputs))]
    return _Rows(inputs, labels, names, is_text=any(isinstance(item, str) for item in inputs))


def _read_dataset(reference: str) -> _Rows:
    dataset, part = resolve(reference)
    if part.examples is None:
        kind = "a corpus of plain text" if part.table is None else "a table of series"
        kind = kind if part.utterances is None else "a set of recordings"
        raise DataError(f"{reference} is {kind}, without labelled examples")
    inputs: list[Any] = []
    labels: list[str] = []
    names: list[str] = []
    for file, path in zip(part.files, fetch(dataset, part.files), strict=True):
        for example in part.examples(path):
            inputs.append(example.input)
            labels.append(example.label)
            names.append(f"{dataset.name}/{file}:{example.line}")
    return _Rows(inputs, labels, names, is_text=isinstance(inputs[0], str))


def _read_series(path: Path) -> _Rows:
    rows = list(formats.series(path))
    labelled = any(row.label for row in rows)
    return _Rows(
        [row.input for row in rows],
        [row.label for row in rows] if labelled else None,
        [f"{path}:{row.line}" for row in rows],
        is_text=False,
    )


def _read_table(
    source: Any, text: str | int | None, label: str | int | None, features: str | int | None
) -> _Rows:
    positions = [_is_position(name) for name in (text, label) if name is not None]
    if any(positions) and not all(positions):
        raise SettingsError(
            f"text={text!r} and label={label!r}: give both as names or both as positions"
        )
    table = tables.read_table(source, header=not any(positions))
    if text is None and features is None:
        raise SettingsError("text=None and features=None: one of the two must name a column")
    is_text = text is not None and (
        str(text) in table.columns or str(features) not in table.columns
    )
    chosen, argument = (text, "text") if is_text else (features, "features")
    inputs = table.column(str(chosen), argument)
    labels = None if label is None else table.column(label, "label")
    return _Rows(inputs, labels, table.rows, is_text)


def _is_position(name: str | int) -> bool:
    return isinstance(name, int) or (name.isascii() and name.isdecimal())


def _describe(source: Any) -> str:
    return str(source) if isinstance(source, (str, Path)) else f"the {type(source).__name__}"


def _texts(inputs: list[Any], names: list[str]) -> list[str]:
    for value, name in zip(inputs, names, strict=True):
        if _is_missing(value) or (isinstance(value, str) and not value.strip()):
            raise DataError(f"{name}: the text is empty")
        if not isinstance(value, str):
            raise DataError(f"{name}: the text is a {type(value).__name__}, not a string")
    return inputs


def labels_of(
    values: list[Any], names: list[str], separator: str | None
) -> list[str] | list[tuple[str, ...]]:
    """Labels as strings, or as tuples of them where there may be several; see `read_examples`."""
    several = [isinstance(value, (list, tuple, set, frozenset, np.ndarray)) for value in values]
    if separator is None and not any(several):
        return [_label(value, name) for value, name in zip(values, names, strict=True)]
    labels: list[tuple[str, ...]] = []
    for value, name, is_list in zip(values, names, several, strict=True):
        if is_list:
            items = sorted(value) if isinstance(value, (set, frozenset)) else list(value)
        elif separator is not None:
            items = [] if _is_missing(value) else str(value).split(separator)
            items = [item for item in items if item.strip()]
        else:
            raise DataError(f"{name}: one label ({value!r}) where other examples have a list")
        labels.append(tuple(dict.fromkeys(_label(item, name) for item in items)))
    return labels


def _label(value: Any, name: str) -> str:
    if _is_missing(value) or not str(value).strip():
        raise DataError(f"{name}: the label is missing")
    return str(value).strip()


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _as_tuple(label: Label) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (label,)


def _features(inputs: list[Any], names: list[str]) -> list[NDArray[np.float32]]:
    sequences: list[NDArray[np.float32]] = []
    for value, name in zip(inputs, names, strict=True):
        sequence = _sequence(value, name)
        if sequences and sequence.shape[1] != sequences[0].shape[1]:
            raise DataError(
                f"{name}: {sequence.shape[1]} features a step where {names[0]} has "
                f"{sequences[0].shape[1]}"
            )
        sequences.append(sequence)
    return sequences


def _sequence(value: Any, name: str) -> NDArray[np.float32]:
    if _is_missing(value) or isinstance(value, (str, Mapping)):
        raise DataError(f"{name}: features are needed, not {value!r:.60}")
    try:
        wide = np.asarray([np.asarray(step, dtype=np.float64) for step in value], dtype=np.float64)
    except (ValueError, TypeError):
        raise DataError(f"{name}: {_what_is_wrong(value)}") from None
    if wide.ndim == 1:
        wide = wide[:, None]
    if wide.ndim != 2 or not wide.size:
        raise DataError(f"{name}: features of shape {wide.shape} where (T, F) is needed")
    with np.errstate(over="ignore"):
        sequence = wide.astype(np.float32)
    if not np.isfinite(sequence).all():
        step, feature = np.argwhere(~np.isfinite(sequence))[0]
        raise DataError(f"{name}: feature {feature} at step {step} is {wide[step, feature]}")
    return sequence


def _what_is_wrong(value: Any) -> str:
    try:
        sizes = [len(step) for step in value]
    except TypeError:
        return "features are numbers, one list a time step"
    for step, size in enumerate(sizes):
        if size != sizes[0]:
            return f"step {step} has {size} features where step 0 has {sizes[0]}"
    return "features are numbers, one list a time step"
