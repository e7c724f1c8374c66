"""Ink into files: InkML with all that is known of it, SVG and PNG as pictures."""

from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from elman.data.ink.ink import Ink
from elman.errors import SettingsError
from elman.files import write_atomic

_CHANNELS = {
    "time": '<channel name="T" type="decimal" units="s"/>',
    "pressure": '<channel name="F" type="decimal" max="1"/>',
    "azimuth": '<channel name="OA" type="decimal" units="rad"/>',
    "altitude": '<channel name="OE" type="decimal" units="rad"/>',
}
_MARGIN, _PEN = 0.05, 0.015  # of the longer side


def write_ink(ink: Ink, path: Path | str, text: str | None = None) -> None:
    """Write ink to a file; its suffix says what as.

    **Arguments:**

    - `path`: `.inkml` keeps everything, and `read_inks` gives the same ink again; `.svg` and `.png`
      are pictures of the lines.
    - `text`: what is written there: the annotation `truth` of InkML, the title of a picture.

    >>> import tempfile
    >>> from elman.data import read_inks
    >>> path = Path(tempfile.mkdtemp()) / "l.inkml"
    >>> write_ink(Ink.of_strokes([[(0, 0), (0.5, 9)]]), path, "l")
    >>> inks = read_inks(path)
    >>> inks.texts, inks.inks[0].points.tolist()
    (['l'], [[0.0, 0.0], [0.5, 9.0]])
    """
    path = Path(path)
    writers: dict[str, Callable[[Ink, Path, str | None], None]] = {
        ".inkml": lambda ink, path, text: write_atomic(path, inkml_of(ink, text)),
        ".svg": lambda ink, path, text: write_atomic(path, svg_of(ink, text)),
        ".png": _write_png,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise SettingsError(f"ink is written as {', '.join(writers)}, got {path}")
    writer(ink, path, text)


def inkml_of(ink: Ink, text: str | None = None) -> str:
    """Ink as the text of an InkML file."""
    channels = ['<channel name="X" type="decimal"/>', '<channel name="Y" type="decimal"/>']
    channels += [_CHANNELS[name] for name in ink.channels]
    columns = [*ink.points.T, *(getattr(ink, name) for name in ink.channels)]
    rows = np.stack(columns, axis=1).tolist() if len(ink) else []
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ink xmlns="http://www.w3.org/2003/InkML">',
        '<definitions><context xml:id="c"><inkSource xml:id="s">',
        f"<traceFormat>{''.join(channels)}</traceFormat>",
    ]
    if ink.unit is not None:
        properties = "".join(
            f'<channelProperty channel="{name}" name="resolution" value="{1 / ink.unit!r}"'
            ' units="1/mm"/>'
            for name in "XY"
        )
        lines.append(f"<channelProperties>{properties}</channelProperties>")
    lines.append("</inkSource></context></definitions>")
    if text is not None:
        lines.append(f'<annotation type="truth">{_escaped(text)}</annotation>')
    ends = [*ink.starts[1:].tolist(), len(ink)]
    for begin, end in zip(ink.starts.tolist(), ends, strict=True) if len(ink) else ():
        points = ", ".join(" ".join(map(repr, row)) for row in rows[begin:end])
        lines.append(f'<trace contextRef="#c">{points}</trace>')
    return "\n".join([*lines, "</ink>\n"])


def svg_of(ink: Ink, text: str | None = None) -> str:
    """Ink as an SVG picture: a path for each stroke, a dot for one of one place."""
    left, top, right, bottom = ink.box if len(ink) else (0.0, 0.0, 1.0, 1.0)
    side = max(right - left, bottom - top) or 1.0
    margin, pen = _MARGIN * side, _PEN * side
    box = (left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg"'
        f' viewBox="{" ".join(f"{value:.8g}" for value in box)}">',
        *([] if text is None else [f"<title>{_escaped(text)}</title>"]),
        f'<g fill="none" stroke="black" stroke-width="{pen:.6g}" stroke-linecap="round"'
        ' stroke-linejoin="round">',
    ]
    for stroke in ink.strokes:
        points = [f"{x:.8g} {y:.8g}" for x, y in stroke.tolist()]
        # A round cap makes a dot of a line of no length.
        lines.append(f'<path d="M{"L".join(points if len(points) > 1 else points * 2)}"/>')
    return "\n".join([*lines, "</g>", "</svg>\n"])


def _escaped(text: str) -> str:
    """For XML 1.0, which has no control characters but tab and line ends."""
    return escape("".join(c for c in text if c >= " " or c in "\t\n\r")).replace("\r", "&#13;")


def _write_png(ink: Ink, path: Path, text: str | None) -> None:
    from elman.data.ink.draw import draw

    draw([ink], path, titles=[text or ""])
