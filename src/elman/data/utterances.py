"""Utterances from any source a user has: manifests, folders, Kaldi's files, features, lists."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elman.data import tables
from elman.data.audio import SUFFIXES, Audio
from elman.data.download import fetch
from elman.data.registry import is_reference, missing, resolve
from elman.data.speech_formats import read_packed
from elman.data.text import is_there, read_lines, read_text
from elman.data.utterance import Utterance, Utterances
from elman.errors import DataError


def read_utterances(
    source: Any,
    *,
    path: str = "path",
    text: str | None = "text",
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Utterances:
    """Utterances, whose sound is not read yet.

    **Arguments:**

    - `source`: one of
        - a dataset reference, `sp_fsdd:train`;
        - a manifest: a table (`.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.parquet`, a dataframe or a
          dict of columns) with a row for each utterance: the file's path (relative to the
          manifest), what was said, and, if it is a part of the file, columns `start` and `end` in
          seconds; a column `speaker` is read, too;
        - a folder with Kaldi's `wav.scp` (and `text`, `segments`, `utt2spk`);
        - any other folder: all sound in it and below, each with its transcript in a `.txt` of the
          same name;
        - a sound file, its transcript in a `.txt` beside it;
        - ready features: an `.npz` with the `.tsv` beside it, see `speech_formats.read_packed`;
        - a list of utterances, of sounds, or of pairs `(sound, text)`; a sound is a path, an
          `Audio`, or an array of features (T, F).
    - `path`, `text`: the columns of a manifest. `text=None` reads no transcripts.
    - `encoding`, `delimiter`: of a manifest, of Kaldi's files and of transcripts; found if None,
      see `read_table`.

    Raises `DataError` with file and line where the source itself is wrong. Sound that cannot be
    read shows later: see `elman.data.check_utterances`.

    >>> utterances = read_utterances([(Audio(np.zeros(800, np.float32), 8000), "yes")])
    >>> utterances.texts, utterances[0].seconds
    (['yes'], 0.1)
    """
    if isinstance(source, Utterances):
        return source
    if isinstance(source, (str, Path)):
        return Utterances(_without_text(_from_path(source, path, text, encoding, delimiter), text))
    if isinstance(source, Audio):
        source = [source]
    if isinstance(source, (list, tuple)):
        return Utterances(_without_text(map(_one, source, range(len(source))), text))
    table = tables.read_table(source)
    return Utterances(rows_of_manifest(table, Path(), path=path, text=text))


def _without_text(utterances: Iterator[Utterance], text: str | None) -> Iterator[Utterance]:
    return utterances if text else (replace(utterance, text=None) for utterance in utterances)


def _from_path(
    source: str | Path,
    column: str,
    text: str | None,
    encoding: str | None,
    delimiter: str | None,
) -> Iterator[Utterance]:
    if isinstance(source, str) and is_reference(source):
        return _dataset(source)
    if not is_there(source):
        raise missing(str(source))
    path = Path(source)
    if path.is_dir():
        kaldi = (path / "wav.scp").is_file()
        return _kaldi(path, encoding) if kaldi else _folder(path, encoding)
    suffix = path.suffix.lower()
    if suffix in tables.SUFFIXES:
        table = tables.read_table(path, encoding=encoding, delimiter=delimiter)
        return rows_of_manifest(table, path.parent, path=column, text=text)
    if suffix == ".npz":
        return read_packed(path, path.with_suffix(".tsv"))
    if suffix in SUFFIXES:
        return iter([_beside(path, str(path), encoding)])
    known = ", ".join((*tables.SUFFIXES, ".npz", *SUFFIXES))
    raise DataError(f"{path}: {path.suffix!r} is not one of {known}")


def _dataset(reference: str) -> Iterator[Utterance]:
    dataset, part = resolve(reference)
    if part.utterances is None:
        raise DataError(f"{reference} holds no utterances")
    return part.utterances(fetch(dataset, part.files))


def rows_of_manifest(
    table: tables.Table, folder: Path, *, path: str, text: str | None
) -> Iterator[Utterance]:
    """The utterances of a manifest, a row each; paths are relative to `folder`."""
    paths = table.column(path, "path")
    texts = [None] * len(paths) if text is None else table.column(text, "text")
    nothing = [None] * len(paths)
    columns = table.columns
    starts, ends = (columns.get(name, nothing) for name in ("start", "end"))
    speakers = columns.get("speaker", nothing)
    rows = zip(table.rows, paths, texts, starts, ends, speakers, strict=True)
    for row, file, said, start, end, speaker in rows:
        if not isinstance(file, str) or not file.strip():
            raise DataError(f"{row}: the path is missing")
        begins, stops = _seconds(start, f"{row}: start"), _seconds(end, f"{row}: end")
        if stops is not None and stops <= (begins or 0):
            raise DataError(f"{row}: the part ends at {stops} s, before it begins")
        if text is not None and not isinstance(said, str):
            raise DataError(f"{row}: the transcript is {said!r}, not a string")
        yield Utterance(
            f"{row} ({file})",
            None if said is None else said.strip(),
            path=folder / file,
            start=begins or 0.0,
            end=stops,
            speaker="" if speaker is None else str(speaker),
        )


def _seconds(value: Any, name: str) -> float | None:
    if value is None or value == "" or value != value:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise DataError(f"{name} is {value!r}, not a number of seconds")
    return seconds


def _folder(folder: Path, encoding: str | None) -> Iterator[Utterance]:
    files = sorted(
        file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    if not files:
        raise DataError(f"{folder} holds no sound ({', '.join(SUFFIXES)}) and no wav.scp")
    return (_beside(file, file.relative_to(folder).as_posix(), encoding) for file in files)


def _beside(path: Path, name: str, encoding: str | None) -> Utterance:
    transcript = path.with_suffix(".txt")
    text = " ".join(read_text(transcript, encoding).split()) if transcript.is_file() else None
    return Utterance(name, text, path=path)


def _kaldi(folder: Path, encoding: str | None) -> Iterator[Utterance]:
    recordings = _pairs(folder / "wav.scp", encoding)
    for name, place in recordings.items():
        if place.endswith("|"):
            raise DataError(f"{folder / 'wav.scp'}: {name} is a command, which is never run")
    texts, speakers = _pairs(folder / "text", encoding), _pairs(folder / "utt2spk", encoding)
    parts: dict[str, tuple[str, float, float | None]] = {
        name: (name, 0.0, None) for name in recordings
    }
    segments = folder / "segments"
    if segments.is_file():
        parts = {
            name: _segment(segments, name, rest)
            for name, rest in _pairs(segments, encoding).items()
        }
    for name, (recording, start, end) in parts.items():
        if recording not in recordings:
            raise DataError(f"{segments}: {name} is a part of {recording}, which wav.scp lacks")
        if texts and name not in texts:
            raise DataError(f"{folder / 'text'} lacks {name}")
        yield Utterance(
            name,
            texts.get(name),
            path=folder / recordings[recording],
            start=start,
            end=end,
            speaker=speakers.get(name, ""),
        )


def _pairs(path: Path, encoding: str | None) -> dict[str, str]:
    """`KEY REST` a line; nothing if there is no such file."""
    pairs: dict[str, str] = {}
    for number, line in read_lines(path, encoding) if path.is_file() else ():
        key, _, rest = line.strip().partition(" ")
        if key in pairs:
            raise DataError(f"{path}:{number}: {key} stands there twice")
        if key:
            pairs[key] = rest.strip()
    return pairs


def _segment(path: Path, name: str, rest: str) -> tuple[str, float, float | None]:
    fields = rest.split()
    if len(fields) != 3:
        raise DataError(f"{path}: {name} {rest}: UTTERANCE RECORDING START END is needed")
    start = _seconds(fields[1], f"{path}: the start of {name}")
    end = None if fields[2] == "-1" else _seconds(fields[2], f"{path}: the end of {name}")
    if end is not None and end <= (start or 0):
        raise DataError(f"{path}: {name} ends at {end} s, before it begins")
    return fields[0], start or 0.0, end


def _one(item: Any, position: int) -> Utterance:
    if isinstance(item, Utterance):
        return item
    sound, text = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    name = f"utterance {position}"
    if text is not None and not isinstance(text, str):
        raise DataError(f"{name}: the transcript is {text!r}, not a string")
    if isinstance(sound, (str, Path)):
        return Utterance(str(sound), text, path=Path(sound))
    if isinstance(sound, Audio):
        return Utterance(name, text, audio=sound)
    if isinstance(sound, np.ndarray) and sound.ndim == 2 and sound.dtype.kind == "f":
        if not len(sound) or not np.isfinite(sound).all():
            raise DataError(f"{name}: features are empty, NaN or infinite")
        return Utterance(name, text, features=np.ascontiguousarray(sound, np.float32))
    raise DataError(
        f"{name}: a path, an Audio(samples, rate) or features (T, F) are needed, not"
        f" {type(item).__name__}"
    )
