"""Readers of the datasets of digits, radar and hands that move."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.datasets.dataset import Labelled
from elman.data.ink.formats.arrays import load_arrays
from elman.data.text.files import read_lines
from elman.data.video.clip import Clip
from elman.data.video.moving_digits import moving_digits
from elman.data.video.sample import Sample
from elman.errors import DataError

_TRAINED = 8000  # digits of MNIST's test part that are trained on; the others are the test
_OUTSIDE = 255  # radar: no data there
_RADAR_RATE = 1 / 300
_GESTURES = ("Stop", "Clockwise", "Counter Clockwise", "Move")
_BLOCK = 100  # rows of gestures that go to one part together
_EVERY = 4  # blocks, of which the last is the test
_STEPS = 16  # of a gesture: rows nearer than that overlap


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes, compressed by gzip."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise DataError(f"{path} is not an IDX file of bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4).tolist()
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if len(values) != int(np.prod(shape)):
        raise DataError(f"{path} is cut off: {len(values):,} bytes where its shape is {shape}")
    return values.reshape(shape)


def digits_of(paths: Sequence[Path], split: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures (N, 28, 28) and their digits."""
    part = slice(_TRAINED) if split == "train" else slice(_TRAINED, None)
    pictures, labels = (read_idx(path)[part] for path in paths)
    return pictures, [str(label) for label in labels.tolist()]


def still_digits(split: str) -> Callable[[Sequence[Path]], Iterator[Sample]]:
    """A reader of the digits as clips of one frame."""

    def read(paths: Sequence[Path]) -> Iterator[Sample]:
        begin = 0 if split == "train" else _TRAINED
        for i, (picture, label) in enumerate(zip(*digits_of(paths, split), strict=True), begin):
            name = f"vid_mnist_digits/{i}"
            yield Sample(Clip(picture[None]), name, label, name)

    return read


def two_moving_digits(
    split: str, count: int, seed: int
) -> Callable[[Sequence[Path]], Iterator[Sample]]:
    """A reader that makes Moving MNIST of the digits; see `moving_digits`."""

    def read(paths: Sequence[Path]) -> Iterator[Sample]:
        pictures, _ = digits_of(paths, split)
        for i, clip in enumerate(moving_digits(pictures, count, seed=seed)):
            name = f"vid_mnist_digits/moving/{split}/{i}"
            yield Sample(Clip(clip), name, None, name)

    return read


def radar(paths: Sequence[Path]) -> Iterator[Sample]:
    """Radar of one event: reflectivity in dBZ is value / 2 - 32; 0 is no echo or no data."""
    for path in paths:
        frames = load_arrays(path)["frames"]
        is_valid = frames != _OUTSIDE
        clip = Clip(np.where(is_valid, frames, 0), rate=_RADAR_RATE, valid=is_valid)
        yield Sample(clip, f"vid_radar_fmi/{path.stem}", None, path.stem)


def gestures(split: str) -> Callable[[Path], Iterator[Labelled]]:
    """A reader of fingertips, (16, 2): x and y from the first on, as shares of the picture.

    Rows that follow each other overlap in time. Every fourth block of 100 rows is the test; rows
    of the training part that overlap with a test row are left out.
    """

    def read(path: Path) -> Iterator[Labelled]:
        for number, line in read_lines(path):
            label, *values = line.split(",")
            if _part_of_row(number - 1) == split:
                points = np.array(values, np.float32).reshape(_STEPS, 2)
                yield Labelled(points, _GESTURES[int(label)], number)

    return read


def _part_of_row(row: int) -> str | None:
    at = row % (_BLOCK * _EVERY)
    begin = _BLOCK * (_EVERY - 1)
    if at >= begin:
        return "test"
    is_near = at >= begin - (_STEPS - 1) or (at < _STEPS - 1 and row >= _BLOCK * _EVERY)
    return None if is_near else "train"
