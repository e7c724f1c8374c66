"""Readers of the datasets of speech."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.digit_strings import joined_strings
from elman.data.text import existing_file, read_lines
from elman.data.utterance import Utterance
from elman.errors import DataError


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
