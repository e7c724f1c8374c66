"""Utterances from any source a user has: manifests, folders, features, lists."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elman.data import tables
from elman.data.datasets.download import fetch
from elman.data.datasets.readers import read_packed
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.sound import manifests
from elman.data.sound.audio import SUFFIXES, Audio, check_channel
from elman.data.sound.folders import beside, read_folder
from elman.data.sound.manifest_fields import is_missing
from elman.data.sound.manifests import rows_of_manifest
from elman.data.sound.utterance import Utterance, Utterances
from elman.errors import DataError


def read_utterances(
    source: Any,
    *,
    path: str = "path",
    text: str | None = "text",
    encoding: str | None = None,
    delimiter: str | None = None,
    audio_folder: Path | str | None = None,
    channel: int | None = None,
) -> Utterances:
    """Utterances, whose sound is not read yet.

    **Arguments:**

    - `source`: one of
        - a dataset reference, `sp_fsdd:train`;
        - a manifest: a table (`.csv`, `.tsv`, `.jsonl`, `.json`, `.ndjson`, `.parquet`,
          `.jsonl.gz`, a dataframe or a dict of columns) with a row for each utterance: the file's
          path, what was said, and, if it is a part of the file, `start` or `offset`, and `end` or
          `duration`, in seconds; `speaker` is read, too. NeMo's `audio_filepath` and Common
          Voice's `sentence` and `client_id` are known; so are lhotse's cuts;
        - a folder with Kaldi's `wav.scp` (and `text`, `segments`, `utt2spk`);
        - a folder in LibriSpeech's layout, with `*.trans.txt`;
        - any other folder: all sound in it and below, each with its transcript in a `.txt` of the
          same name;
        - a sound file, its transcript in a `.txt` beside it;
        - precomputed features: an `.npz` with its `.tsv`, see `speech_formats.read_packed`;
        - a list of utterances, of sounds, or of pairs `(sound, text)`; a sound is a path, an
          `Audio`, or an array of features (T, F).
    - `path`, `text`: the columns of a manifest. `text=None` reads no transcripts.
    - `encoding`, `delimiter`: of a manifest, of Kaldi's files and of transcripts; found if None,
      see `read_table`.
    - `audio_folder`: where a manifest's sound lies; looked through before the manifest's own
      folder, `clips` in it and the working directory.
    - `channel`: of files with several channels the one to take, 0 the first; their mean if None.

    Raises `DataError` with file and line where the source itself is wrong. Sound that cannot be
    read shows later: see `elman.data.check_utterances`.

    >>> utterances = read_utterances([(Audio(np.zeros(800, np.float32), 8000), "yes")])
    >>> utterances.texts, utterances[0].seconds
    (['yes'], 0.1)
    """
    check_channel(channel)
    if isinstance(source, Utterances):
        return source if channel is None else Utterances(_of_channel(source, channel))
    if isinstance(source, (str, Path)):
        places = _from_path(source, path, text, audio_folder, encoding, delimiter)
        found = _without_text(places, text)
    elif isinstance(source, (Audio, Utterance, list, tuple)):
        items = source if isinstance(source, (list, tuple)) else [source]
        found = _without_text(map(_one, items, range(len(items))), text)
    else:
        try:
            table = tables.read_table(source)
        except TypeError:
            raise DataError("the columns of a table must be lists of values") from None
        found = rows_of_manifest(table, Path(), path=path, text=text, audio_folder=audio_folder)
    return Utterances(_of_channel(found, channel))


def _of_channel(utterances: Iterable[Utterance], channel: int | None) -> Iterator[Utterance]:
    for each in utterances:
        takes = channel is not None and each.path is not None and each.channel is None
        yield replace(each, channel=channel) if takes else each


def _without_text(utterances: Iterator[Utterance], text: str | None) -> Iterator[Utterance]:
    return utterances if text else (replace(utterance, text=None) for utterance in utterances)


def _from_path(
    source: str | Path,
    column: str,
    text: str | None,
    audio_folder: Path | str | None,
    encoding: str | None,
    delimiter: str | None,
) -> Iterator[Utterance]:
    if isinstance(source, str) and is_reference(source):
        return _dataset(source)
    path = Path(source)
    try:
        exists = path.exists()
    except (OSError, ValueError):  # a name that is too long, or holds a null
        raise DataError(f"no file can be named {str(source)!r:.60}") from None
    if not exists:
        raise missing(str(source))
    if path.is_dir():
        return read_folder(path, encoding)
    if manifests.is_manifest(path):
        table = manifests.read_manifest(path, encoding=encoding, delimiter=delimiter)
        return rows_of_manifest(
            table, path.parent, path=column, text=text, audio_folder=audio_folder
        )
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_packed(path, path.with_suffix(".tsv"))
    if suffix in SUFFIXES:
        return iter([beside(path, str(path), encoding)])
    known = ", ".join((*manifests.SUFFIXES, ".npz", *SUFFIXES))
    raise DataError(f"{path}: {path.suffix!r} is not one of {known}")


def _dataset(reference: str) -> Iterator[Utterance]:
    dataset, part = resolve(reference)
    if part.utterances is None:
        raise DataError(f"{reference} holds no utterances")
    return part.utterances(fetch(dataset, part.files))


def _one(item: Any, position: int) -> Utterance:
    if isinstance(item, Utterance):
        return item
    sound, given = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    name = f"utterance {position}"
    if not isinstance(given, str) and not is_missing(given):
        raise DataError(f"{name}: the transcript is a {type(given).__name__}, not a string")
    text = given if isinstance(given, str) else None
    if isinstance(sound, (str, Path)):
        return Utterance(str(sound), text, path=Path(sound))
    if isinstance(sound, Audio):
        return Utterance(name, text, audio=sound)
    if isinstance(sound, np.ndarray) and sound.ndim == 2 and sound.dtype.kind == "f":
        return Utterance(name, text, features=sound)
    raise DataError(
        f"{name}: a path, an Audio(samples, rate) or features (T, F) are needed, not"
        f" {type(item).__name__}"
    )
