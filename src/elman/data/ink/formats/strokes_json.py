"""Strokes as JSON: Quick, Draw!, Excalidraw, lists of points, objects of drawing programs."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows
from elman.data.ink.sample import Sample
from elman.data.text.files import lines_of, read_text
from elman.data.values import shown
from elman.errors import DataError

_STROKES = ("drawing", "strokes", "ink", "points")
_TEXT = ("word", "text", "label")
_WRITER = ("writer", "writer_id", "user")
_KEYS = {
    "x": ("x",),
    "y": ("y",),
    "time": ("t", "time", "timestamp"),
    "pressure": ("p", "pressure", "force"),
}
_COLUMNS = ("x", "y", "time", "pressure")
_MILLISECOND = 1e-3
_FEWEST_OF_COLUMNS = 5
_START = re.compile(
    r'\s*\[\s*[\[{\]]|\s*\{.*?"(?:drawing|strokes|ink|points|elements)"\s*:', re.DOTALL
)


def looks_like_json(start: str) -> bool:
    """Whether a text begins as JSON with lists in a list, or names what holds strokes."""
    return _START.match(start) is not None


def read_json_strokes(path: Path) -> Iterator[Sample]:
    """The drawings of a file, one JSON value or one a line; y grows downwards, time is in ms.

    - Quick, Draw!: objects with "drawing", `[[x, ...], [y, ...], [t, ...]]` a stroke, and "word";
    - Excalidraw: its elements of type freedraw, with their pressures where they are not simulated;
    - objects with "strokes" or "points", and "text", "word" or "label", and "writer";
    - lists of strokes, lists of points: a point is `[x, y, t, p]`, t and p as given, or
      `{"x": .., "y": .., "t": .., "p": ..}`.
    """
    content = read_text(path)
    try:
        values: list[tuple[str, Any]] = [(str(path), json.loads(content))]
    except RecursionError:
        raise DataError(f"{path}: its lists are nested too deep") from None
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in lines_of(content) if line.strip()]
        if len(lines) < 2:
            raise DataError(f"{path}:{error.lineno}: bad JSON: {error.msg}") from None
        for number, line in lines:
            yield _of_line(line, f"{path}:{number}")
        return
    name, value = values[0]
    is_list = isinstance(value, list) and value and all(_is_drawing(each) for each in value)
    for i, each in enumerate(value if is_list else [value]):
        yield _sample(each, f"{name}[{i}]" if is_list else name)


def ink_of_json(value: Any, name: str) -> Ink:
    """The ink of a drawing that JSON holds, see `read_json_strokes`; DataError calls it `name`."""
    found = _sample(value, name).ink
    if isinstance(found, str):
        raise DataError(found)
    return found


def _of_line(line: str, name: str) -> Sample:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        return Sample(f"{name}: bad JSON: {error}", name)
    return _sample(value, name)


def _is_drawing(value: Any) -> bool:
    return isinstance(value, dict) and any(key in value for key in _STROKES)


def _sample(value: Any, name: str) -> Sample:
    text = writer = None
    try:
        if isinstance(value, dict):
            text, writer = _first(value, _TEXT), _first(value, _WRITER)
            if value.get("type") == "excalidraw" or "elements" in value:
                return Sample(_excalidraw(value, name), name, text, writer)
            key = next((key for key in _STROKES if key in value), None)
            if key is None:
                return Sample(f"{name} has none of {', '.join(_STROKES)}", name, text, writer)
            strokes = value[key]
            return Sample(_ink(strokes, name, by_columns=key == "drawing"), name, text, writer)
        return Sample(_ink(value, name), name)
    except DataError as error:
        return Sample(str(error), name, text, writer)


def _first(value: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    found = next((value[key] for key in keys if value.get(key) is not None), None)
    return None if found is None else str(found)


def _ink(strokes: Any, name: str, *, by_columns: bool = False) -> Ink:
    if not isinstance(strokes, list):
        raise DataError(f"{name}: a list of strokes is needed, not {shown(strokes)}")
    if strokes and _is_point(strokes[0]):
        strokes = [strokes]
    parts = [_columns(stroke, name, by_columns) for stroke in strokes]
    return _joined([part for part in parts if len(part["x"])])


def _joined(parts: list[dict[str, NDArray[np.float64]]]) -> Ink:
    if not parts:
        return Ink.of_strokes([])
    common = [column for column in parts[0] if all(column in part for part in parts)]
    starts = np.cumsum([0, *(len(part["x"]) for part in parts[:-1])])
    return ink_of_rows(
        {column: np.concatenate([part[column] for part in parts]) for column in common}, starts
    )


def _is_point(value: Any) -> bool:
    if isinstance(value, dict):
        return "x" in value and not isinstance(value["x"], list)
    return isinstance(value, list) and bool(value) and not isinstance(value[0], (list, dict))


def _columns(stroke: Any, name: str, by_columns: bool) -> dict[str, NDArray[np.float64]]:
    if isinstance(stroke, dict):
        if isinstance(stroke.get("x"), list):
            return _of_lists(
                {c: stroke[k] for c, ks in _KEYS.items() for k in ks if k in stroke}, name
            )
        key = next((key for key in ("points", "stroke", "path") if key in stroke), None)
        if key is None:
            raise DataError(
                f"{name}: a stroke has points, not only {', '.join(map(shown, stroke))}"
            )
        stroke = stroke[key]
    if not isinstance(stroke, list):
        raise DataError(f"{name}: a stroke is a list of points, not {shown(stroke)}")
    if stroke and isinstance(stroke[0], dict):
        keys = {c: k for c, ks in _KEYS.items() for k in ks if k in stroke[0]}
        try:
            return _of_lists({c: [point[k] for point in stroke] for c, k in keys.items()}, name)
        except (KeyError, TypeError):
            raise DataError(f"{name}: the points of a stroke have different fields") from None
    lengths = {len(each) if isinstance(each, list) else -1 for each in stroke}
    is_wide = len(stroke) in (2, 3, 4) and len(lengths) == 1 and max(lengths) >= _FEWEST_OF_COLUMNS
    if (by_columns and 2 <= len(stroke) <= 4) or is_wide:
        return _of_lists(dict(zip(_COLUMNS, stroke, strict=False)), name)
    if not stroke:
        return _of_lists({"x": [], "y": []}, name)
    if len(lengths) > 1 or not 2 <= max(lengths) <= 4:
        raise DataError(
            f"{name}: the points of a stroke are of {sorted(lengths)} numbers, not 2 to 4"
        )
    return _of_lists(dict(zip(_COLUMNS, zip(*stroke, strict=True), strict=False)), name)


def _of_lists(lists: Mapping[str, Any], name: str) -> dict[str, NDArray[np.float64]]:
    if not {"x", "y"} <= set(lists):
        raise DataError(f"{name}: a stroke has no x or no y")
    columns: dict[str, NDArray[np.float64]] = {}
    for column, values in lists.items():
        try:
            columns[column] = np.array(values, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{name}: {column} has a value that is not a number") from None
        if columns[column].shape != columns["x"].shape or columns[column].ndim != 1:
            raise DataError(f"{name}: a stroke has more of x than of {column}, or fewer")
    if "time" in columns:
        columns["time"] = columns["time"] * _MILLISECOND
    return columns


def _excalidraw(value: Mapping[str, Any], name: str) -> Ink:
    """The elements drawn by hand, each turned by its angle about the middle of its box."""
    elements = value.get("elements")
    if not isinstance(elements, list):
        raise DataError(f"{name}: Excalidraw's elements are a list")
    parts = []
    for element in elements:
        if not isinstance(element, dict) or element.get("type") != "freedraw":
            continue
        if element.get("isDeleted"):
            continue
        columns = _columns({"points": element.get("points")}, name, by_columns=False)
        if not len(columns["x"]):
            continue
        place = np.stack([columns["x"], columns["y"]], axis=1)
        try:
            origin = np.array([element["x"], element["y"]], np.float64)
            angle = float(element.get("angle") or 0.0)
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{name}: an element of Excalidraw needs numbers x and y") from None
        middle = (place.min(0) + place.max(0)) / 2
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        x, y = ((place - middle) @ turn + middle + origin).T if angle else (place + origin).T
        part = {"x": x, "y": y}
        pressures = element.get("pressures")
        is_list = isinstance(pressures, list) and not element.get("simulatePressure")
        if is_list and pressures is not None and len(pressures) == len(x):
            part["pressure"] = _of_lists({"x": pressures, "y": pressures}, name)["x"]
        parts.append(part)
    return _joined(parts)
