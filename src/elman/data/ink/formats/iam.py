"""IAM-OnDB: sessions at a whiteboard as XML."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows
from elman.data.ink.sample import Sample
from elman.data.xml_files import Element, read_xml
from elman.errors import DataError


def looks_like_iam(start: str) -> bool:
    """Whether a text's beginning is that of an IAM-OnDB file."""
    return "<WhiteboardCaptureSession" in start or "<WhiteboardDescription" in start


def read_iam(path: Path) -> Iterator[Sample]:
    """The ink of a file, all its strokes; y grows downwards, time is in seconds.

    The text is that of `Transcription`, if it is there, the writer the `writerID` of `Form`.
    """
    root = read_xml(path)
    form = root.find("Form")
    writer = None if form is None else form.attributes.get("writerID")
    try:
        ink: Ink | str = _ink(root, path)
    except DataError as error:
        ink = str(error)
    yield Sample(ink, str(path), _text(root), writer)


def _text(root: Element) -> str | None:
    transcription = root.find("Transcription")
    if transcription is None:
        return None
    lines = [each.attributes["text"] for each in transcription.walk() if "text" in each.attributes]
    if not lines and (text := transcription.find("Text")) is not None:
        lines = [line.strip() for line in text.text.splitlines()]
    return "\n".join(line for line in lines if line) or None


def _ink(root: Element, path: Path) -> Ink:
    rows: list[tuple[float, float, float]] = []
    starts: list[int] = []
    for stroke in root.walk():
        if stroke.name != "Stroke":
            continue
        points = stroke.all("Point")
        if points:
            starts.append(len(rows))
        for point in points:
            given = point.attributes
            try:
                rows.append((float(given["x"]), float(given["y"]), float(given["time"])))
            except (KeyError, ValueError):
                raise DataError(
                    f"{path}:{point.line}: a Point needs x, y and time, numbers"
                ) from None
    if not rows:
        return Ink.of_strokes([])
    x, y, time = np.array(rows).T
    return ink_of_rows({"x": x, "y": y, "time": time}, starts)
