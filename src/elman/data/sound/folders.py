"""Folders of sound with transcripts: beside each file, Kaldi's files, LibriSpeech's layout."""

import warnings
from collections.abc import Iterator
from pathlib import Path

from elman.data.sound.audio import SUFFIXES
from elman.data.sound.manifest_fields import located, seconds_of
from elman.data.sound.utterance import Utterance
from elman.data.text.files import read_lines, read_text
from elman.errors import DataError

_TRANSCRIPTS = ".trans.txt"


def read_folder(folder: Path, encoding: str | None = None) -> Iterator[Utterance]:
    """The utterances of a folder in any of the layouts, in the order of their names."""
    if (folder / "wav.scp").is_file():
        return _kaldi(folder, encoding)
    files = sorted(
        file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
    )
    if not files:
        raise DataError(f"{folder} holds no sound ({', '.join(SUFFIXES)}) and no wav.scp")
    if lists := sorted(folder.rglob(f"*{_TRANSCRIPTS}")):
        return _librispeech(folder, files, lists, encoding)
    return (beside(file, file.relative_to(folder).as_posix(), encoding) for file in files)


def beside(path: Path, name: str, encoding: str | None = None) -> Utterance:
    """A sound file with its transcript in a `.txt` of the same name, if there is one."""
    transcript = path.with_suffix(".txt")
    return Utterance(
        name, read_text(transcript, encoding) if transcript.is_file() else None, path=path
    )


def _librispeech(
    folder: Path, files: list[Path], lists: list[Path], encoding: str | None
) -> Iterator[Utterance]:
    """Sound with lists of `NAME TRANSCRIPT` in the same folder; names begin with the speaker's."""
    texts = {
        path.parent / name: text for path in lists for name, text in _pairs(path, encoding).items()
    }
    for file in files:
        name = file.relative_to(folder).as_posix()
        stem = file.with_suffix("")
        if stem not in texts:
            yield beside(file, name, encoding)
            continue
        speaker, dash, _ = file.stem.partition("-")
        yield Utterance(name, texts.pop(stem), path=file, speaker=speaker if dash else "")
    if texts:
        warnings.warn(
            f"{folder}: {len(texts)} transcripts are without their sound, the first is"
            f" {next(iter(texts)).name}",
            stacklevel=2,
        )


def _kaldi(folder: Path, encoding: str | None) -> Iterator[Utterance]:
    recordings = _pairs(folder / "wav.scp", encoding)
    for name, place in recordings.items():
        if place.endswith("|"):
            raise DataError(f"{folder / 'wav.scp'}: {name} is a command, which is never run")
        if not place:
            raise DataError(f"{folder / 'wav.scp'}: {name} has no path")
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
            raise DataError(f"{segments}: {name} is a part of {recording}, which is not in wav.scp")
        if texts and name not in texts:
            raise DataError(f"{name} is not in {folder / 'text'}")
        yield Utterance(
            name,
            texts.get(name),
            path=located([folder, Path()], recordings[recording]),
            start=start,
            end=end,
            speaker=speakers.get(name, ""),
        )


def _pairs(path: Path, encoding: str | None) -> dict[str, str]:
    """`KEY REST` a line, separated by any white space; nothing if there is no such file."""
    pairs: dict[str, str] = {}
    for number, line in read_lines(path, encoding) if path.is_file() else ():
        key, rest = [*line.strip("\ufeff").split(maxsplit=1), "", ""][:2]
        if key in pairs:
            raise DataError(f"{path}:{number}: {key} occurs twice")
        if key:
            pairs[key] = rest.strip()
    return pairs


def _segment(path: Path, name: str, rest: str) -> tuple[str, float, float | None]:
    fields = rest.split()
    if len(fields) != 3:
        raise DataError(f"{path}: {name} {rest:.60}: UTTERANCE RECORDING START END is needed")
    start = seconds_of(fields[1], f"{path}: the start of {name}") or 0.0
    is_open = fields[2] in ("-1", "-1.0")
    end = None if is_open else seconds_of(fields[2], f"{path}: the end of {name}")
    if end is not None and end <= start:
        raise DataError(f"{path}: {name} ends at {end} s, before it begins")
    return fields[0], start, end
