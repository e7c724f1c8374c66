"""InkML, the W3C's markup of ink (2011)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.data.ink.rows import ink_of_rows
from elman.data.ink.sample import Sample
from elman.data.xml_files import Element, read_xml
from elman.errors import DataError

_TOKEN = re.compile(
    r"\s*([!'\"]?)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|#[0-9A-Fa-f]+|[TF*?])"
)
_COLUMNS = {"X": "x", "Y": "y", "T": "time", "F": "pressure", "OA": "azimuth", "OE": "altitude"}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_MILLIMETRES = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6}
_TEXT = ("truth", "label", "transcription", "text")
_WRITER = ("writer", "writerId", "writer_id")


@dataclass(frozen=True)
class _Channel:
    name: str
    default: float = 0.0
    units: str = ""
    largest: float | None = None
    is_turned: bool = False


@dataclass(frozen=True)
class _Context:
    """How the values of a trace are to be read."""

    channels: tuple[_Channel, ...] = (_Channel("X"), _Channel("Y"))
    per_mm: float | None = None
    seconds: float = 0.0  # of its time stamp


@dataclass
class _File:
    path: Path
    by_id: dict[str, Element] = field(default_factory=dict)


def looks_like_inkml(start: str) -> bool:
    """Whether a text's beginning is that of an InkML file."""
    return re.search(r"<(\w+:)?ink[\s>]", start) is not None


def read_inkml(path: Path) -> Iterator[Sample]:
    """The ink of a file: one sample, or one of each group of traces that is annotated, if the whole
    is not.

    Texts are annotations of type truth, label, transcription or text. Channels X, Y, T (ms, if it
    does not say), F (force), OA and OE (azimuth and elevation; degrees, if it does not say), in
    explicit values or differences; S (the tip) parts strokes. Y grows downwards, unless its
    channel's orientation is "-ve".
    """
    root = read_xml(path)
    if root.name != "ink":
        raise DataError(f"{path} is not InkML: it begins with <{root.name}>")
    file = _File(path)
    for element in root.walk():
        if "id" in element.attributes:
            file.by_id.setdefault(element.attributes["id"], element)
    contexts = _contexts(root, file)
    writer = _annotation(root, _WRITER)
    groups = [group for group in root.all("traceGroup") if _annotation(group, _TEXT) is not None]
    if _annotation(root, _TEXT) is not None or not groups:
        groups = [root]
    for group in groups:
        name = str(path) if group is root else f"{path}:{group.line}"
        text, own = _annotation(group, _TEXT), _annotation(group, _WRITER)
        try:
            ink: Ink | str = _ink(_traces(group, file), contexts, path)
        except DataError as error:
            ink = str(error)
        yield Sample(ink, name, text, own or writer)


def _annotation(element: Element, kinds: Sequence[str]) -> str | None:
    found = {
        child.attributes.get("type", ""): child.text.strip() for child in element.all("annotation")
    }
    return next((found[kind] for kind in kinds if kind in found), None)


def _traces(group: Element, file: _File) -> list[Element]:
    """The traces of a group, and those that views in it point to, in order."""
    if group.name == "traceView":
        reference = group.attributes.get("traceDataRef", "")
        target = file.by_id.get(reference.removeprefix("#"))
        if target is None:
            raise DataError(f"{file.path}:{group.line}: there is no trace {reference!r}")
        if target.name == "trace":
            return [target]
        return [] if target is group or target.name == "traceView" else _traces(target, file)
    found = [element for element in group.walk() if element.name == "trace"]
    if found or group.name == "ink":
        return found
    return [
        trace
        for view in group.walk()
        if view.name == "traceView" and "traceDataRef" in view.attributes
        for trace in _traces(view, file)
    ]


def _contexts(root: Element, file: _File) -> dict[int, _Context]:
    """The context of each trace, by the trace's identity: the one it or its group names, else the
    last before it."""
    found: dict[int, _Context] = {}
    first = root.find("traceFormat")
    current = _Context() if first is None else _context(first, file)

    def visit(element: Element, given: Element | None) -> None:
        nonlocal current
        for child in element.children:
            reference = child.attributes.get("contextRef", "").removeprefix("#")
            named = file.by_id.get(reference, given)
            if child.name == "context":
                current = _context(child, file)
            elif child.name == "trace":
                found[id(child)] = current if named is None else _context(named, file)
            elif child.name != "definitions":
                visit(child, named)

    visit(root, None)
    for trace in root.walk():
        if trace.name == "trace":
            found.setdefault(id(trace), current)
    return found


def _context(element: Element, file: _File) -> _Context:
    """Of a `context`, or of a `traceFormat` alone."""
    parts = [element, *_referred(element, file)]
    parts += [other for part in parts[1:] for other in _referred(part, file)]
    below = [each for part in parts for each in part.walk()]
    trace_format = next((each for each in below if each.name == "traceFormat"), None)
    channels = _Context().channels
    if trace_format is not None:
        channels = tuple(
            _channel(each, file) for each in trace_format.walk()[1:] if each.name == "channel"
        )
    per_mm = next(
        (
            value
            for each in below
            if each.name == "channelProperty" and each.attributes.get("channel") == "X"
            if (value := _per_mm(each)) is not None
        ),
        None,
    )
    stamp = next((each for each in below if each.name == "timestamp"), None)
    seconds = 0.0 if stamp is None else _number(stamp, "time", file, 0.0) / 1000
    return _Context(channels, per_mm, seconds)


def _referred(element: Element, file: _File) -> list[Element]:
    names = ("contextRef", "traceFormatRef", "inkSourceRef", "timestampRef")
    ids = [element.attributes.get(name, "").removeprefix("#") for name in names]
    return [
        file.by_id[each] for each in ids if each in file.by_id and file.by_id[each] is not element
    ]


def _channel(element: Element, file: _File) -> _Channel:
    given = element.attributes
    return _Channel(
        given.get("name", ""),
        _number(element, "default", file, 0.0),
        given.get("units", ""),
        _number(element, "max", file, 0.0) or None,
        given.get("orientation", "") == "-ve",
    )


def _number(element: Element, attribute: str, file: _File, otherwise: float) -> float:
    text = element.attributes.get(attribute)
    if text is None:
        return otherwise
    if text in ("T", "F"):
        return float(text == "T")
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"{file.path}:{element.line}: {attribute}={text!r} is not a number"
        ) from None


def _per_mm(element: Element) -> float | None:
    """The resolution of a channel, points a millimetre."""
    over, _, unit = element.attributes.get("units", "").rpartition("/")
    if element.attributes.get("name") != "resolution" or over != "1" or unit not in _MILLIMETRES:
        return None
    try:
        value = float(element.attributes.get("value", "")) / _MILLIMETRES[unit]
    except ValueError:
        return None
    return value if value > 0 else None


def _ink(traces: list[Element], contexts: dict[int, _Context], path: Path) -> Ink:
    parts: list[dict[str, NDArray[np.float64]]] = []
    starts: list[bool] = []
    unit = None
    for trace in traces:
        if trace.attributes.get("type") == "penUp":
            continue
        context = contexts[id(trace)]
        columns, is_down = _columns(trace, context, path)
        for piece in np.split(np.arange(len(is_down)), np.flatnonzero(np.diff(is_down)) + 1):
            if len(piece) and is_down[piece[0]]:
                continued = trace.attributes.get("continuation") in ("middle", "end")
                starts += [not (continued and parts and piece[0] == 0)]
                starts += [False] * (len(piece) - 1)
                parts.append({name: values[piece] for name, values in columns.items()})
        units = {channel.units for channel in context.channels if channel.name in "XY"}
        length = _MILLIMETRES.get(units.pop()) if len(units) == 1 else None
        unit = length or (1 / context.per_mm if context.per_mm else None)
    if not parts:
        return Ink.of_strokes([])
    common = [name for name in parts[0] if all(name in part for part in parts)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in common}
    return ink_of_rows(joined, np.flatnonzero(starts), unit=unit)


def _columns(
    trace: Element, context: _Context, path: Path
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    """The values of a trace by name, in the units of `Ink`, and where the tip is down."""
    channels = context.channels
    rows = _rows(trace, channels, path)
    columns: dict[str, NDArray[np.float64]] = {}
    is_down = np.ones(len(rows), bool)
    for i, channel in enumerate(channels):
        values = rows[:, i]
        if channel.name == "S":
            is_down = values > 0
        if channel.name not in _COLUMNS:
            continue
        if channel.name == "T":
            offset = context.seconds + _seconds(trace.attributes.get("timeOffset"), path, trace)
            values = values * _SECONDS.get(channel.units, 1e-3) + offset
        elif channel.name == "F" and channel.largest:
            values = values / channel.largest
        elif channel.name in ("OA", "OE") and channel.units != "rad":
            values = np.radians(values)
        elif channel.is_turned:
            values = -values
        columns[_COLUMNS[channel.name]] = values
    if not {"x", "y"} <= set(columns):
        raise DataError(f"{path}:{trace.line}: the format of the trace has no channels X and Y")
    return columns, is_down


def _seconds(offset: str | None, path: Path, trace: Element) -> float:
    try:
        return 0.0 if offset is None else float(offset) / 1000
    except ValueError:
        raise DataError(f"{path}:{trace.line}: timeOffset={offset!r} is not a number") from None


def _rows(trace: Element, channels: Sequence[_Channel], path: Path) -> NDArray[np.float64]:
    """The values of all channels, (n, channels); differences are summed up.

    `!` before a value says that it and those after it are explicit, `'` that they are differences
    from the value before, and `"` that they are differences of differences.
    """
    points = [point for point in trace.text.split(",") if point.strip()]
    rows = np.empty((len(points), len(channels)))
    value = [channel.default for channel in channels]
    speed = [0.0] * len(channels)
    order = [0] * len(channels)
    for n, point in enumerate(points):
        place, column = 0, 0
        while point[place:].strip():
            token = _TOKEN.match(point, place)
            if token is None or column == len(channels):
                raise DataError(
                    f"{path}:{trace.line}: point {n} of the trace, {point.strip()!r:.60}, is not"
                    f" {len(channels)} values"
                )
            place = token.end()
            if token[1]:
                order[column] = "!'\"".index(token[1])
            _step(token[2], column, value, speed, order[column])
            column += 1
        if column < min(2, len(channels)):
            raise DataError(
                f"{path}:{trace.line}: point {n} of the trace, {point.strip()!r:.60}, has no"
                f" {channels[column].name}"
            )
        rows[n] = value
    return rows


def _step(token: str, column: int, value: list[float], speed: list[float], order: int) -> None:
    """Take one value of a channel: `*` goes on as before, `?` leaves it."""
    if token == "?":
        return
    if token == "*":
        value[column] += speed[column] if order else 0.0
        return
    if token in ("T", "F"):
        number = float(token == "T")
    else:
        number = float(int(token[1:], 16)) if token.startswith("#") else float(token)
    if order == 0 or token in ("T", "F"):
        value[column], speed[column] = number, 0.0
        return
    speed[column] = number if order == 1 else speed[column] + number
    value[column] += speed[column]
