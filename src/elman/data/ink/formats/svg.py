"""SVG: lines and paths as strokes, curves sampled."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.formats.svg_path import path_strokes
from elman.data.ink.formats.svg_transform import IDENTITY, transform_of
from elman.data.ink.ink import Ink
from elman.data.ink.sample import Sample
from elman.data.xml_files import Element, read_xml
from elman.errors import DataError

_NOT_DRAWN = ("defs", "clipPath", "mask", "marker", "pattern", "symbol", "metadata")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def looks_like_svg(start: str) -> bool:
    """Whether a text's beginning is that of an SVG file."""
    return re.search(r"<(\w+:)?svg[\s>]", start) is not None


def read_svg(path: Path) -> Iterator[Sample]:
    """The strokes of a picture: each part of a `path`, each `polyline`, `polygon` and `line`, in
    the picture's order; y grows downwards. Its `title` is the text. Transforms are applied.
    """
    root = read_xml(path)
    if root.name != "svg":
        raise DataError(f"{path} is not SVG: it begins with <{root.name}>")
    strokes: list[NDArray[np.float64]] = []
    title = next((child.text.strip() for child in root.all("title")), None)
    try:
        _collect(root, IDENTITY, strokes, path)
        ink: Ink | str = Ink.of_strokes(strokes)
    except DataError as error:
        ink = str(error)
    yield Sample(ink, str(path), title or None)


def _collect(
    element: Element, outer: NDArray[np.float64], strokes: list[NDArray[np.float64]], path: Path
) -> None:
    if element.name in _NOT_DRAWN or element.attributes.get("display") == "none":
        return
    where = f"{path}:{element.line}"
    matrix = outer @ transform_of(element.attributes.get("transform", ""), where)
    strokes += [stroke @ matrix[:2, :2].T + matrix[:2, 2] for stroke in _strokes(element, where)]
    for child in element.children:
        _collect(child, matrix, strokes, path)


def _strokes(element: Element, where: str) -> list[NDArray[np.float64]]:
    given = element.attributes
    if element.name == "path":
        return path_strokes(given.get("d", ""), where)
    if element.name in ("polyline", "polygon"):
        values = np.array(_NUMBER.findall(given.get("points", "")), np.float64)
        if len(values) % 2:
            raise DataError(f"{where}: the points of a {element.name} are pairs of numbers")
        points = values.reshape(-1, 2)
        is_closed = element.name == "polygon" and len(points) > 1
        return [np.concatenate([points, points[:1]]) if is_closed else points]
    if element.name == "line":
        try:
            ends = [float(given.get(name, 0)) for name in ("x1", "y1", "x2", "y2")]
        except ValueError:
            raise DataError(f"{where}: the ends of a line are numbers") from None
        return [np.array(ends).reshape(2, 2)]
    return []
