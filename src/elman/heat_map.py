"""A table of shares as squares, dark where they are large, as plain SVG."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

_CELL, _FONT = 22, 13
_CHARACTER = 7.5  # width of one, in the same units
_MOST = 60  # rows or columns
_LONGEST = 16  # characters of a label


def heat_map(values: ArrayLike, rows: Sequence[str], columns: Sequence[str], caption: str) -> str:
    """A figure of values from 0 to 1, (rows, columns), each a square as dark as it is large.

    All text is escaped. Of very long tables the first 60 rows and columns are shown.

    >>> figure = heat_map([[1.0, 0.25]], ["ein"], ["a", "<b>"], "Attention.")
    >>> figure.count("<rect"), "&lt;b&gt;" in figure
    (2, True)
    """
    table = np.clip(np.nan_to_num(np.asarray(values, float)), 0, 1)[:_MOST, :_MOST]
    rows, columns = ([_short(label) for label in labels[:_MOST]] for labels in (rows, columns))
    left = 12 + _CHARACTER * max(map(_width, rows), default=1)
    top = 12 + _CHARACTER * max(map(_width, columns), default=1)
    parts = []
    for i, label in enumerate(rows):
        y = top + _CELL * (i + 0.5) + 4
        parts.append(_text(left - 6, y, label, "end"))
    for k, label in enumerate(columns):
        x = left + _CELL * (k + 0.5) + 4
        parts.append(
            _text(x, top - 6, label, "start", f' transform="rotate(-90 {x:g} {top - 6:g})"')
        )
    for (i, k), value in np.ndenumerate(table):
        x, y = left + _CELL * k, top + _CELL * i
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{_CELL - 1}" height="{_CELL - 1}"'
            f' fill="var(--s1)" fill-opacity="{value:.3f}" stroke="var(--faint)">'
            f"<title>{escape(rows[i])} – {escape(columns[k])}: {value:.2f}</title></rect>"
        )
    width, height = left + _CELL * len(columns) + 6, top + _CELL * len(rows) + 6
    shown = escape(caption)
    return (
        f'<figure><svg role="img" aria-label="{shown}" viewBox="0 0 {width:g} {height:g}"'
        f' style="max-width:{1.2 * width:g}px">{"".join(parts)}</svg>'
        f"<figcaption>{shown}</figcaption></figure>"
    )


def _short(label: str) -> str:
    """A label without white space at its ends, cut where it is long."""
    label = label.strip() or "␣"
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _width(label: str) -> float:
    """Characters, those of Chinese and the like twice as wide."""
    return sum(2.0 if character > "\u2e80" else 1.0 for character in label)


def _text(x: float, y: float, content: str, anchor: str, more: str = "") -> str:
    style = f'font-size="{_FONT}" fill="var(--ink)" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {style}{more}>{escape(content)}</text>'
