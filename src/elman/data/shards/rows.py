"""The rows that shards are made of, from the sources that each kind of data has."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from warnings import warn

from elman.data.examples import Examples, read_examples
from elman.data.pairs.check import check_pairs, dropped
from elman.data.pairs.pairs import Pairs
from elman.data.pairs.read import read_pairs
from elman.data.shards.arrow import modules
from elman.data.shards.manifest import Kind, Pair, Row
from elman.data.sound.checks import Problem, UtteranceCheck, check_utterances
from elman.data.sound.read import read_utterances
from elman.data.sound.utterance import Utterance
from elman.data.text.corpus import text_blocks
from elman.errors import DataError

_ROWS = 4096  # of Parquet, read at once
_PAIRS = 1 << 16  # that are checked beside each other
_UTTERANCES = 64  # whose sound is in memory


@dataclass(frozen=True)
class Columns:
    """What a source's columns are called, and how it is read; see `write_shards`."""

    text: str = "text"
    label: str = "label"
    source: str | None = None
    target: str | None = None
    path: str = "path"
    separator: str | None = None
    encoding: str | None = None
    audio_folder: Path | str | None = None
    channel: int | None = None
    clean: bool = True


def rows_of(data: Any, kind: Kind, columns: Columns) -> Iterator[Any]:
    """The rows of a source, in its order."""
    if kind == "text":
        return (Row(block) for block in text_blocks(data, encoding=columns.encoding))
    if kind == "labelled":
        return _labelled(data, columns)
    return _pairs(data, columns) if kind == "pairs" else _speech(data, columns)


def _labelled(data: Any, columns: Columns) -> Iterator[Row]:
    given = {"text": columns.text, "label": columns.label, "separator": columns.separator}
    paths = _parquet(data)
    for batch, where in _batches(paths, [columns.text, columns.label], _ROWS):
        try:
            found = read_examples(batch, **given, features=None)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        yield from _of_examples(found)
    if not paths:
        yield from _of_examples(
            read_examples(data, **given, features=None, encoding=columns.encoding)
        )


def _of_examples(found: Examples) -> Iterator[Row]:
    if not found.is_text:
        raise DataError("shards hold texts, and the data holds feature vectors")
    for text, label in zip(found.inputs, found.labels or (), strict=True):
        labels = label if isinstance(label, tuple) else (label,)
        yield Row(str(text), labels, isinstance(label, tuple))


def _pairs(data: Any, columns: Columns) -> Iterator[Pair]:
    """Pairs, without those that harm training; a warning says how many of which kind."""
    size, kinds = 0, Counter[str]()
    for pairs in _blocks_of_pairs(data, columns):
        harmful = check_pairs(pairs).harmful if columns.clean else {}
        size += len(pairs)
        kinds.update(harmful.values())
        weights = pairs.weights or [1.0] * len(pairs)
        rows = zip(pairs.sources, pairs.targets or (), pairs.names, weights, strict=True)
        yield from (Pair(*row) for i, row in enumerate(rows) if i not in harmful)
    if kinds.total() == size:
        raise DataError(f"no pair can be used: {dropped(kinds, size)}")
    if kinds:
        warn(dropped(kinds, size), stacklevel=2)


def _blocks_of_pairs(data: Any, columns: Columns) -> Iterator[Pairs]:
    paths = _parquet(data)
    source, target = columns.source or "source", columns.target or "target"
    for batch, where in _batches(paths, [source, target], _PAIRS):
        found = read_pairs(batch, source=source, target=target)
        yield replace(found, names=[f"{where}, {name}" for name in found.names])
    if not paths:
        yield read_pairs(
            data, source=columns.source, target=columns.target, encoding=columns.encoding
        )


def _speech(data: Any, columns: Columns) -> Iterator[Utterance]:
    """Utterances with their sound in memory, without those that cannot be learnt from; a warning
    says which."""
    utterances = read_utterances(
        data,
        path=columns.path,
        text=columns.text,
        encoding=columns.encoding,
        audio_folder=columns.audio_folder,
        channel=columns.channel,
    )
    problems: list[Problem] = []
    seconds = 0.0
    for start in range(0, len(utterances), _UTTERANCES):
        some = utterances[start : start + _UTTERANCES]
        found = check_utterances(some)
        seconds += found.seconds
        fatal = {each.index for each in found.problems if each.is_fatal}
        problems += [replace(each, index=start + each.index) for each in found.problems]
        yield from (_in_memory(each) for i, each in enumerate(some) if i not in fatal)
    if problems:
        whole = UtteranceCheck(utterances, tuple(problems), seconds)
        if len(whole.usable) < len(utterances) or whole.are_mixed:
            warn(whole.summary(), stacklevel=2)


def _in_memory(utterance: Utterance) -> Utterance:
    if utterance.path is None:
        return utterance
    audio = utterance.load()
    return replace(utterance, path=None, start=0.0, end=None, channel=None, audio=audio)


def _parquet(data: Any) -> list[Path]:
    if not isinstance(data, str | Path):
        return []
    path = Path(data)
    if path.is_dir():
        return sorted(path.glob("*.parquet"))
    return [path] if path.suffix.lower() == ".parquet" else []


def _batches(
    paths: list[Path], names: list[str], size: int
) -> Iterator[tuple[dict[str, list[Any]], str]]:
    """Some columns of Parquet files, so many rows at a time, and where these stand."""
    if not paths:
        return
    pa, pq = modules()
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                known = file.schema_arrow.names
                for name in names:
                    if name not in known:
                        raise DataError(f"{path} has no column {name!r}: it has {', '.join(known)}")
                first = 1
                for batch in file.iter_batches(size, columns=names):
                    last = first + batch.num_rows - 1
                    columns = {name: batch[name].to_pylist() for name in names}
                    yield columns, f"{path}, of rows {first} to {last}"
                    first = last + 1
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path} cannot be read as Parquet: {error}") from None
