"""Data as shards: files of about one size, with a manifest of their hashes."""

import hashlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

from elman.data.checks import whole
from elman.data.shards.arrow import modules
from elman.data.shards.manifest import FORMAT, NAME, File, Kind, Manifest, Row
from elman.data.shards.rows import rows_of
from elman.data.values import shown
from elman.errors import FileError, SettingsError
from elman.files import write_atomic
from elman.folders import path_of

SIZE = 32 << 20  # bytes


def write_shards(
    source: Any,
    out: Path | str,
    *,
    kind: Kind,
    size: int = SIZE,
    text: str = "text",
    label: str = "label",
    separator: str | None = None,
    encoding: str | None = None,
) -> Manifest:
    """Write data as shards, which training reads one at a time.

    **Arguments:**

    - `source`: of `text` whatever `text_blocks` reads, in bounded memory; of `labelled` texts a
      Parquet file, a folder of them or a pattern, in bounded memory, or whatever `read_examples`
      reads, whole.
    - `out`: a folder that is new or empty; the manifest in it, `shards.json`, is written last.
    - `kind`: "text", one text in pieces, or "labelled", texts with labels.
    - `size`: bytes of content in a shard, before compression.
    - `text`, `label`, `separator`, `encoding`: as in `read_examples`.

    Raises `DataError` for what cannot be read, and `FileError` where `out` holds other files.
    """
    if kind not in get_args(Kind):
        raise SettingsError(f"kind={shown(kind)}: one of {', '.join(get_args(Kind))} is needed")
    size = whole(size, "size", 1)
    folder = path_of(out, "out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} is not an empty folder: choose another one for the shards")
    rows = rows_of(source, kind, text=text, label=label, separator=separator, encoding=encoding)
    files: list[File] = []
    labels: set[str] = set()
    several = False
    for part in _parts(rows, size):
        content = _file(part)
        name = f"{len(files):05}.parquet"
        write_atomic(folder / name, content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(File(name=name, rows=len(part), bytes=len(content), sha256=digest))
        labels.update(each for row in part for each in row.labels)
        several = several or any(row.is_several for row in part)
    made = Manifest(
        elman_shards=FORMAT,
        kind=kind,
        source=str(source)[:200] if isinstance(source, str | Path) else type(source).__name__,
        labels=tuple(sorted(labels)),
        several=several,
        files=tuple(files),
    )
    write_atomic(folder / NAME, made.model_dump_json(indent=1) + "\n")
    return made


def _parts(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    held = 0
    for row in rows:
        part.append(row)
        held += len(row.text.encode("utf-8", "surrogatepass"))
        if held >= size:
            yield part
            part, held = [], 0
    if part:
        yield part


def _file(rows: list[Row]) -> bytes:
    pa, pq = modules()
    columns = {"text": [row.text for row in rows], "labels": [list(row.labels) for row in rows]}
    schema = pa.schema({"text": pa.large_string(), "labels": pa.list_(pa.string())})
    target = BytesIO()
    pq.write_table(pa.table(columns, schema), target, compression="zstd")
    return target.getvalue()
