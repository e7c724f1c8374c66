"""Xournal++: pages of handwriting, XML compressed by gzip."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.sample import Sample
from elman.data.xml_files import Element, read_xml
from elman.errors import DataError

_POINT = 25.4 / 72  # millimetres


def looks_like_xournal(start: str) -> bool:
    """Whether a text's beginning is that of a Xournal file."""
    return "<xournal" in start


def read_xournal(path: Path) -> Iterator[Sample]:
    """The pen strokes of each page that has any; y grows downwards, 1 is a point of 1/72 inch.

    Where all strokes have a width for each point, the widths over the largest are the pressure.
    """
    root = read_xml(path)
    if root.name != "xournal":
        raise DataError(f"{path} is not of Xournal: it begins with <{root.name}>")
    pages = root.all("page")
    for number, page in enumerate(pages, start=1):
        strokes = [
            each
            for each in page.walk()
            if each.name == "stroke" and each.attributes.get("tool", "pen") == "pen"
        ]
        if not strokes and len(pages) > 1:
            continue
        name = str(path) if len(pages) == 1 else f"{path}, page {number}"
        try:
            ink: Ink | str = _ink(strokes, path)
        except DataError as error:
            ink = str(error)
        yield Sample(ink, name)


def _ink(strokes: list[Element], path: Path) -> Ink:
    points: list[NDArray[np.float64]] = []
    widths: list[NDArray[np.float64]] = []
    for stroke in strokes:
        try:
            values = np.array(stroke.text.split(), np.float64).reshape(-1, 2)
            given = np.array(stroke.attributes.get("width", "").split(), np.float64)
        except ValueError:
            raise DataError(
                f"{path}:{stroke.line}: a stroke is pairs of numbers, and its widths are numbers"
            ) from None
        if len(values):
            points.append(values)
            widths.append(given)
    pressure = None
    if points and all(len(w) >= len(p) > 1 for w, p in zip(widths, points, strict=True)):
        # The first width is the pen's own; each segment's follows. The last point has none.
        each = [
            np.append(w[1 : len(p)], w[len(p) - 1]) for w, p in zip(widths, points, strict=True)
        ]
        joined = np.concatenate(each)
        pressure = joined / joined.max() if joined.min() >= 0 and joined.max() > 0 else None
    return Ink.of_strokes(points, pressure=pressure, unit=_POINT)
