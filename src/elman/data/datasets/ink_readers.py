"""Readers of the datasets of handwriting and signatures."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from elman.data.datasets.dataset import Labelled
from elman.data.ink.formats.arrays import load_arrays
from elman.data.ink.formats.stroke3 import ink_of_stroke3
from elman.data.ink.formats.svc2004 import read_svc2004
from elman.data.ink.formats.unipen import parse_unipen, sample_of
from elman.data.ink.ink import Ink
from elman.data.ink.sample import Sample

_GENUINE = 20  # signatures of each person, S1 to S20; those after them are forgeries


def pen_digits(paths: Sequence[Path]) -> Iterator[Sample]:
    """Digits as UNIPEN; a comment on each says `DIGIT WRITER NUMBER`."""
    for path in paths:
        content = parse_unipen(path)
        for segment in content.segments:
            writer = f"{path.suffix[1:]}{segment.comment.split()[1]}"
            name = f"hw_pendigits_orig/{path.name}:{segment.line}"
            yield sample_of(content, segment, path)._replace(name=name, writer=writer)


def pen_strokes(path: Path) -> Iterator[Labelled]:
    """A file of UNIPEN segments: each digit's points, (T, 3): x, y, and 1 where a stroke begins."""
    content = parse_unipen(path)
    for segment in content.segments:
        strokes = content.strokes(segment, path)
        if strokes:
            points = np.ones((sum(map(len, strokes)), 3), np.float32)
            points[:, :2] = np.concatenate(strokes)[:, :2]
            points[:, 2] = Ink.of_strokes([stroke[:, :2] for stroke in strokes]).is_start
            yield Labelled(points, segment.text or "", segment.line)


def digilets(split: str) -> Callable[[Sequence[Path]], Iterator[Sample]]:
    """A reader of characters of the writers that are the test, or of the others.

    `points`, (N, 3), are x, y (upwards) and pressure, each times 10,000, in a writing square of
    side 1; `offsets` part the characters.
    """

    def read(paths: Sequence[Path]) -> Iterator[Sample]:
        content = load_arrays(paths[0])
        scaled = content["points"] / 10_000
        points = np.stack([scaled[:, 0], 1 - scaled[:, 1]], axis=1)
        pressure = np.clip(scaled[:, 2], 0, 1)
        time = content["time_ms"] / 1000
        is_start = content["stroke_start"].astype(bool)
        offsets, writers = content["offsets"].tolist(), content["writer"].tolist()
        symbols = [str(symbol) for symbol in content["symbols"]]
        tested = set(content["test_writers"].tolist())
        labels, instances = content["label"].tolist(), content["instance"].tolist()
        for i, (begin, end) in enumerate(pairwise(offsets)):
            if (writers[i] in tested) != (split == "test"):
                continue
            ink = Ink(
                points[begin:end],
                np.flatnonzero(is_start[begin:end]),
                time[begin:end],
                pressure[begin:end],
            )
            symbol, writer = symbols[labels[i]], str(writers[i])
            yield Sample(ink, f"hw_digilets/{writer}/{symbol}/{instances[i]}", symbol, writer)

    return read


def sketches(split: str) -> Callable[[Sequence[Path]], Iterator[Sample]]:
    """A reader of one split of drawings in stroke-3, laid end to end with their offsets."""

    def read(paths: Sequence[Path]) -> Iterator[Sample]:
        content = load_arrays(paths[0])
        rows, offsets = content[split], content[f"{split}_offsets"].tolist()
        for i, (begin, end) in enumerate(pairwise(offsets)):
            yield Sample(ink_of_stroke3(rows[begin:end]), f"hw_kanjivg_sketch/{split}/{i}")

    return read


def signatures(paths: Sequence[Path]) -> Iterator[Sample]:
    """SVC2004: `U10S1.TXT` is person U10's first; 1 to 20 are genuine, the others forgeries."""
    for path in paths:
        person, _, number = path.stem.partition("S")
        label = "genuine" if int(number) <= _GENUINE else "forgery"
        for sample in read_svc2004(path):
            yield sample._replace(name=path.stem, text=label, writer=person)
