"""The rows that shards are made of, from the sources of texts and of labelled texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elman.data.examples import Examples, read_examples
from elman.data.shards.arrow import modules
from elman.data.shards.manifest import Kind, Row
from elman.data.text.corpus import text_blocks
from elman.errors import DataError

_ROWS = 4096  # of Parquet, read at once


def rows_of(
    source: Any, kind: Kind, *, text: str, label: str, separator: str | None, encoding: str | None
) -> Iterator[Row]:
    """The rows of a source, in its order."""
    if kind == "text":
        yield from (Row(block) for block in text_blocks(source, encoding=encoding))
        return
    paths = _parquet(source)
    for path in paths:
        yield from _of_parquet(path, text, label, separator)
    if not paths:
        found = read_examples(
            source, text=text, label=label, features=None, separator=separator, encoding=encoding
        )
        yield from _of_examples(found)


def _parquet(source: Any) -> list[Path]:
    if not isinstance(source, str | Path):
        return []
    path = Path(source)
    if path.is_dir():
        return sorted(path.glob("*.parquet"))
    return [path] if path.suffix.lower() == ".parquet" else []


def _of_parquet(path: Path, text: str, label: str, separator: str | None) -> Iterator[Row]:
    pa, pq = modules()
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for name in (text, label):
                if name not in names:
                    raise DataError(f"{path} has no column {name!r}: it has {', '.join(names)}")
            first = 1
            for batch in file.iter_batches(_ROWS, columns=[text, label]):
                columns = {name: batch[name].to_pylist() for name in (text, label)}
                try:
                    found = read_examples(
                        columns, text=text, label=label, features=None, separator=separator
                    )
                except DataError as error:
                    last = first + batch.num_rows - 1
                    raise DataError(f"{path}, of rows {first} to {last}: {error}") from None
                first += batch.num_rows
                yield from _of_examples(found)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None


def _of_examples(found: Examples) -> Iterator[Row]:
    if not found.is_text:
        raise DataError("shards hold texts, and the data holds feature vectors")
    for text, label in zip(found.inputs, found.labels or (), strict=True):
        labels = label if isinstance(label, tuple) else (label,)
        yield Row(str(text), labels, isinstance(label, tuple))
