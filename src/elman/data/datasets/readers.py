"""Readers of the datasets' own file formats; each reads one file."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.datasets.dataset import Labelled
from elman.data.pairs.pairs import hash_share, text_key
from elman.data.sound.digit_strings import joined_strings
from elman.data.sound.utterance import Utterance
from elman.data.tables import Table, read_table
from elman.data.text.files import existing_file, read_lines, read_text
from elman.errors import DataError

_TEST_SHARE = 0.05


def labelled_sentences(path: Path) -> Iterator[Labelled]:
    """`SENTENCE<TAB>LABEL` a line, or, after a header of CSV, `SENTENCE<TAB>,LABEL`, unquoted."""
    in_csv = False
    for number, line in read_lines(path):
        if line == ",reviews,sentiment":
            in_csv = True
            continue
        text, _, label = line.rpartition("," if in_csv else "\t")
        yield Labelled(text.strip(), label, number)


def lines_of_class(path: Path) -> Iterator[Labelled]:
    """One example a line; the file's name is the label."""
    for number, line in read_lines(path):
        if line.strip():
            yield Labelled(line.strip(), path.stem, number)


def intents(path: Path) -> Iterator[Labelled]:
    """`{INTENT: [{"data": [{"text": ...}, ...]}, ...]}`: a text is its chunks, joined.

    Some of these files hold emoji as two surrogates of three bytes each, which are put together.
    """
    content = path.read_bytes().decode("utf-8", "surrogatepass")
    content = content.encode("utf-16", "surrogatepass").decode("utf-16")
    for intent, examples in json.loads(content).items():
        for number, example in enumerate(examples, start=1):
            text = "".join(chunk["text"] for chunk in example["data"])
            yield Labelled(text.strip(), intent, number)


def but_the_last_tenth(path: Path) -> Iterator[str]:
    """The first 90 % of a small text, in characters."""
    text = read_text(path)
    yield text[: len(text) * 9 // 10]


def the_last_tenth(path: Path) -> Iterator[str]:
    """The last 10 % of a small text, in characters."""
    text = read_text(path)
    yield text[len(text) * 9 // 10 :]


def poems(path: Path) -> Iterator[str]:
    """`[{"paragraphs": [...], ...}, ...]`: one line a paragraph, an empty line after each poem."""
    for poem in json.loads(read_text(path)):
        if poem["paragraphs"]:
            yield "\n".join(poem["paragraphs"]) + "\n\n"


def series(path: Path, encoding: str | None = None) -> Iterator[Labelled]:
    """A `.ts` file of sktime: dimensions separated by ":", each of its own length, the label last.

    Gives features (T, dimensions) float32; the label is "" if the file says it has none.
    """
    classes: list[str] | None = None
    dimensions = None
    in_data = False
    for number, line in read_lines(path, encoding):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if in_data:
            yield _one_series(line, classes, dimensions, f"{path}:{number}", number)
            continue
        keyword, *values = line.split()
        match keyword.lower():
            case "@timestamps" if values[:1] == ["true"]:
                raise DataError(f"{path}:{number}: series with time stamps cannot be read")
            case "@dimensions" | "@dimension" if values and values[0].isdecimal():
                dimensions = int(values[0])
            case "@univariate" if values[:1] == ["true"]:
                dimensions = 1
            case "@classlabel" if values[:1] == ["true"]:
                classes = values[1:]
            case "@data":
                in_data = True
    if not in_data:
        raise DataError(f"{path} has no line '@data': not a .ts file of time series")


def _one_series(
    line: str, classes: list[str] | None, dimensions: int | None, where: str, number: int
) -> Labelled:
    parts: list[Any] = line.split(":")
    label = ""
    if classes is not None:
        label = parts.pop().strip()
        if label not in classes:
            raise DataError(f"{where}: label {label!r} is not one of the file's @classLabel")
    if dimensions not in (None, len(parts)):
        raise DataError(f"{where}: {len(parts)} dimensions where the file says {dimensions}")
    try:
        columns = [
            np.array([v.replace("?", "nan") for v in part.split(",")], dtype=np.float32)
            for part in parts
        ]
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(f"{where}: dimensions of unequal lengths {lengths}")
    return Labelled(np.stack(columns, axis=1), label, number)


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


def english_chinese(split: str | None = None) -> Callable[[Path], Table]:
    """A reader of `ENGLISH<TAB>CHINESE` a line; all lines of one English text are in one split.

    Which texts are the test is drawn by their hash, so that it stays when lines are added.
    """

    def read(path: Path) -> Table:
        english, chinese, rows = [], [], []
        for number, line in read_lines(path):
            source, _, target = line.partition("\t")
            is_test = hash_share(text_key(source)) < _TEST_SHARE
            if split is None or is_test == (split == "test"):
                english.append(source)
                chinese.append(target)
                rows.append(f"{path}:{number}")
        return Table(str(path), {"english": english, "chinese": chinese}, rows)

    return read


def digits(paths: Sequence[Path]) -> Iterator[Utterance]:
    """Recordings `DIGIT_SPEAKER_INDEX.wav`: the digit is what was said."""
    for path in paths:
        digit, speaker, _ = path.stem.split("_")
        yield Utterance(path.name, digit, path=path, speaker=speaker)


def digit_strings(count: int, seed: int) -> Callable[[Sequence[Path]], Iterator[Utterance]]:
    """A reader that joins such recordings to strings of 3 to 7 digits; see `joined_strings`."""

    def read(paths: Sequence[Path]) -> Iterator[Utterance]:
        yield from joined_strings(list(digits(paths)), count, seed=seed)

    return read


def packed_features(paths: Sequence[Path]) -> Iterator[Utterance]:
    """A table of names and transcripts, and features laid end to end; see `read_packed`."""
    archive, table = paths
    yield from read_packed(archive, table)


def read_packed(archive: Path, table: Path) -> Iterator[Utterance]:
    """Ready features of many utterances in two files.

    **Arguments:**

    - `archive`: an `.npz` of `offsets`, (N + 1,) integers, and one other array, (sum of T, F)
      floats: utterance i has the rows from offset i to offset i + 1.
    - `table`: `NAME<TAB>TRANSCRIPT` a line, in the same order.

    Raises `DataError` if the two do not fit each other or features are not finite.
    """
    offsets, features = _arrays(existing_file(archive))
    lines = [(number, line) for number, line in read_lines(table) if line]
    if len(lines) != len(offsets) - 1:
        raise DataError(
            f"{table} has {len(lines)} lines where {archive} has {len(offsets) - 1} utterances"
        )
    for (number, line), begin, end in zip(lines, offsets[:-1], offsets[1:], strict=True):
        name, tab, text = line.partition("\t")
        if not tab:
            raise DataError(f"{table}:{number}: NAME<TAB>TRANSCRIPT is needed")
        if begin >= end:
            raise DataError(f"{table}:{number}: {name} has no frames in {archive}")
        frames = features[begin:end]
        if not np.isfinite(frames).all():
            raise DataError(f"{table}:{number}: {name} has features that are NaN or infinite")
        speaker = name.split("/")[-2] if "/" in name else ""
        yield Utterance(name, text.strip(), features=frames, speaker=speaker)


def _arrays(archive: Path) -> tuple[Any, Any]:
    try:
        with np.load(archive, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content}
    except Exception as error:  # numpy and zipfile raise many kinds for a damaged file
        raise DataError(f"{archive} cannot be read as .npz: {error}") from None
    offsets = arrays.pop("offsets", None)
    if offsets is None or len(arrays) != 1:
        raise DataError(f"{archive} must hold offsets and one other array, the features")
    (features,) = arrays.values()
    if features.ndim != 2 or features.dtype.kind != "f":
        raise DataError(
            f"{archive}: features of type {features.dtype}, shape {features.shape}, where floats"
            " (T, F) are needed"
        )
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
        raise DataError(f"{archive}: offsets must be integers (N + 1,)")
    if offsets[0] != 0 or offsets[-1] != len(features) or (np.diff(offsets) < 0).any():
        raise DataError(f"{archive}: offsets must rise from 0 to {len(features)}, the frames")
    return offsets.tolist(), np.ascontiguousarray(features, np.float32)
