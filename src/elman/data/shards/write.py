"""Data as shards: files of about one size, with a manifest of their hashes."""

import hashlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

from elman.data.checks import whole
from elman.data.shards.arrow import modules
from elman.data.shards.formats import FORMATS, Format
from elman.data.shards.manifest import FORMAT, NAME, File, Kind, Manifest
from elman.data.shards.rows import Columns, rows_of
from elman.data.values import shown
from elman.errors import FileError, SettingsError
from elman.files import write_atomic
from elman.folders import path_of

SIZE = 32 << 20  # bytes


def write_shards(
    data: Any,
    out: Path | str,
    *,
    kind: Kind,
    size: int = SIZE,
    text: str = "text",
    label: str = "label",
    source: str | None = None,
    target: str | None = None,
    path: str = "path",
    separator: str | None = None,
    encoding: str | None = None,
    audio_folder: Path | str | None = None,
    channel: int | None = None,
    clean: bool = True,
) -> Manifest:
    """Write data as shards, which training reads one at a time.

    **Arguments:**

    - `data`: of `text` whatever `text_blocks` reads, in bounded memory; of `labelled` texts and of
      `pairs` a Parquet file, or a folder of them, in bounded memory, or whatever `read_examples`
      and `read_pairs` read, whole; of `speech` whatever `read_utterances` reads, the sound of some
      at a time.
    - `out`: a folder that is new or empty; the manifest in it, `shards.json`, is written last.
    - `kind`: "text", one text in pieces; "labelled", texts with labels; "pairs", texts with their
      translations; "speech", utterances with their transcripts.
    - `size`: bytes of content in a shard, before compression.
    - `text`, `label`, `separator`, `encoding`: as in `read_examples`.
    - `source`, `target`: as in `read_pairs`; of Parquet columns of these names if None. `clean`:
      leave out pairs that harm, as `check_pairs` finds them among 65,536 rows of Parquet, or among
      all of other sources.
    - `path`, `text`, `audio_folder`, `channel`: as in `read_utterances`. What `check_utterances`
      finds broken, silent or without a transcript is left out. Samples are kept at their rate, in
      16 bits where these hold them exactly.

    Warns of what is left out. Raises `DataError` for what cannot be read, and `FileError` where
    `out` holds other files.
    """
    if kind not in get_args(Kind):
        raise SettingsError(f"kind={shown(kind)}: one of {', '.join(get_args(Kind))} is needed")
    size = whole(size, "size", 1)
    folder = path_of(out, "out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} is not an empty folder: choose another one for the shards")
    columns = Columns(
        *(text, label, source, target, path, separator, encoding, audio_folder, channel, clean)
    )
    files: list[File] = []
    labels: set[str] = set()
    several = False
    form = FORMATS[kind]
    for part in _parts(rows_of(data, kind, columns), size, form):
        content = _file(part, form)
        name = f"{len(files):05}.parquet"
        write_atomic(folder / name, content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(File(name=name, rows=len(part), bytes=len(content), sha256=digest))
        if kind == "labelled":
            labels.update(each for row in part for each in row.labels)
            several = several or any(row.is_several for row in part)
    made = Manifest(
        elman_shards=FORMAT,
        kind=kind,
        source=str(data)[:200] if isinstance(data, str | Path) else type(data).__name__,
        labels=tuple(sorted(labels)),
        several=several,
        files=tuple(files),
    )
    write_atomic(folder / NAME, made.model_dump_json(indent=1) + "\n")
    return made


def _parts(rows: Iterable[Any], size: int, form: Format) -> Iterator[list[Any]]:
    part: list[Any] = []
    held = 0
    for row in rows:
        part.append(row)
        held += form.size(row)
        if held >= size:
            yield part
            part, held = [], 0
    if part:
        yield part


def _file(rows: list[Any], form: Format) -> bytes:
    pa, pq = modules()
    target = BytesIO()
    table = pa.table(dict(form.columns(rows)), form.schema(pa))
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()
