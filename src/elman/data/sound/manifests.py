"""Manifests: tables with a row for each utterance, NeMo's JSON lines, lhotse's cuts."""

import gzip
import json
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from elman.data import tables
from elman.data.sound import lhotse
from elman.data.sound.manifest_fields import (
    TIMES,
    is_missing,
    located,
    part,
    seconds_of,
    transcript,
)
from elman.data.sound.utterance import Utterance
from elman.data.text.files import existing_file, read_text
from elman.errors import DataError

SUFFIXES = (*tables.SUFFIXES, ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
_PATHS = ("path", "audio_filepath", "wav_filename", "file_name")
_TEXTS = ("text", "sentence", "transcript", "transcription")
_SPEAKERS = ("speaker", "speaker_id", "client_id")
_CLIPS = "clips"  # where Common Voice keeps the sound


def is_manifest(path: Path) -> bool:
    """Whether a file's name ends as those of manifests do."""
    return path.name.lower().endswith(SUFFIXES)


def read_manifest(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None
) -> tables.Table:
    """The table of a manifest: as `tables.read_table`, and JSON lines in `.json` or compressed."""
    name = path.name.lower()
    if name.endswith(tables.SUFFIXES):
        return tables.read_table(path, encoding=encoding, delimiter=delimiter)
    text = read_gzip(path) if name.endswith(".gz") else read_text(path, encoding)
    records, rows = _records(path, text)
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return tables.Table(str(path), columns, rows)


def read_gzip(path: Path) -> str:
    """The text of a UTF-8 file that gzip has compressed."""
    try:
        with gzip.open(existing_file(path), "rt", encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as compressed UTF-8 text: {error}") from None


def _records(path: Path, text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects of JSON lines or of one list, and where each stands."""
    pieces: list[tuple[str, Any]] = []
    if text.lstrip().startswith("["):
        found = _parsed(text, str(path))
        pieces = [(f"{path}, object {i}", each) for i, each in enumerate(found, 1)]
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                pieces.append((f"{path}:{number}", _parsed(line, f"{path}:{number}")))
    if not pieces:
        raise DataError(f"{path} is empty")
    for where, each in pieces:
        if not isinstance(each, dict):
            raise DataError(f"{where}: a JSON object is needed, not a {type(each).__name__}")
    return [each for _, each in pieces], [where for where, _ in pieces]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: bad JSON: {error}") from None


def rows_of_manifest(
    table: tables.Table,
    folder: Path,
    *,
    path: str = "path",
    text: str | None = "text",
    audio_folder: Path | str | None = None,
) -> Iterator[Utterance]:
    """The utterances of a manifest, a row each; of lhotse's cuts one for each supervision.

    Sound is looked for in `audio_folder`, then in `folder`, in its folder `clips`, and in the
    working directory.
    """
    folders = [folder, folder / _CLIPS, Path()]
    if audio_folder is not None:
        folders.insert(0, Path(audio_folder))
    columns = {str(name).strip().strip("\ufeff"): values for name, values in table.columns.items()}
    if path not in columns and _are_cuts(columns):
        cuts = lhotse.cuts(table.rows, columns, folders)
        yield from (cut if text else replace(cut, text=None) for cut in cuts)
        return
    yield from _told_of_repetition(_rows(table, columns, folders, path, text), table.source)


def _are_cuts(columns: Mapping[str, list[Any]]) -> bool:
    recordings = columns.get("recording", ())
    return any(isinstance(each, dict) for each in recordings) or "tracks" in columns


def _rows(
    table: tables.Table,
    columns: Mapping[str, list[Any]],
    folders: Sequence[Path],
    path: str,
    text: str | None,
) -> Iterator[Utterance]:
    paths = _column(table, columns, path, _PATHS, "path")
    texts = None if text is None else _column(table, columns, text, _TEXTS, "text")
    times = {name: columns[name] for name in TIMES if name in columns}
    speakers = next((columns[name] for name in _SPEAKERS if name in columns), None)
    for i, row in enumerate(table.rows):
        file = paths[i]
        if isinstance(file, PathLike):
            file = str(file)
        if is_missing(file) or not isinstance(file, str) or not file.strip():
            what = "missing" if is_missing(file) or file == "" else f"a {type(file).__name__}"
            raise DataError(f"{row}: the path is {what}")
        given = {name: seconds_of(values[i], f"{row}: {name}") for name, values in times.items()}
        start, end = part(given, row)
        speaker = None if speakers is None else speakers[i]
        yield Utterance(
            f"{row} ({file.strip()})",
            None if texts is None else transcript(texts[i], row),
            path=located(folders, file.strip()),
            start=start,
            end=end,
            speaker="" if is_missing(speaker) else str(speaker),
        )


def _column(
    table: tables.Table,
    columns: Mapping[str, list[Any]],
    name: str,
    others: Sequence[str],
    argument: str,
) -> list[Any]:
    """The values of a column; where its name is the default, other names of the field will do."""
    names = others if name == others[0] else (name,)
    for each in names:
        if each in columns:
            return columns[each]
    if "recording_id" in columns:
        raise DataError(
            f"{table.source} holds supervisions without their recordings: join both to cuts, as"
            " by lhotse cut simple"
        )
    return table.column(name, argument)


def _told_of_repetition(utterances: Iterator[Utterance], source: str) -> Iterator[Utterance]:
    """The same, with a warning if several rows name the same sound with different texts."""
    texts: dict[tuple[Path | None, float, float | None], str | None] = {}
    count, first = 0, ""
    for each in utterances:
        key = each.path, each.start, each.end
        if texts.setdefault(key, each.text) != each.text:
            count, first = count + 1, first or each.name
        yield each
    if count:
        warnings.warn(
            f"{source}: {count} rows name the sound of another row with another text, the first is"
            f" {first}; of parts of a file, columns start or offset and end or duration say which",
            stacklevel=2,
        )
