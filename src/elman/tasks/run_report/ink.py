"""Drawn handwriting in a report page."""

from collections.abc import Iterable
from html import escape

import numpy as np

from elman.data import Ink

_GRID = "display:grid;gap:1rem;margin:1rem 0;grid-template-columns:repeat(auto-fill,minmax({},1fr))"
_MOST_POINTS = 600  # of a drawing


def drawings(samples: Iterable[tuple[Ink, str]], *, wide: bool = False) -> str:
    """A grid of drawn ink, each with a caption; the first point of a stroke is a dot.

    >>> "<svg" in drawings([(Ink.of_strokes([[(0, 0), (1, 2)]]), "a line")])
    True
    """
    cells = "".join(
        f"<figure>{drawing(ink)}<figcaption>{escape(caption)}</figcaption></figure>"
        for ink, caption in samples
    )
    return f'<div style="{_GRID.format("20rem" if wide else "7rem")}">{cells}</div>'


def drawing(ink: Ink) -> str:
    """Ink as an SVG picture in the colours of the page."""
    if not len(ink):
        return '<svg viewBox="0 0 1 1" role="img" aria-label="no ink"></svg>'
    left, top, right, bottom = ink.box
    size = max(right - left, bottom - top) or 1.0
    is_line = right - left > 2 * (bottom - top)
    width, height = size, max(bottom - top, size / 8) if is_line else size
    left, top = (left + right - width) / 2, (top + bottom - height) / 2
    scale, dot = 100 / size, 0.8 if is_line else 1.8
    every = max(1, len(ink) // _MOST_POINTS)
    lines, dots = [], []
    for stroke in ink.strokes:
        kept = np.concatenate([stroke[:-1:every], stroke[-1:]])
        points = ((kept - [left, top]) * scale).round(1)
        lines.append(" ".join(f"{x:g},{y:g}" for x, y in points))
        dots.append('<circle cx="{:g}" cy="{:g}" r="{:g}"/>'.format(*points[0], dot))
    drawn = "".join(
        f'<polyline vector-effect="non-scaling-stroke" points="{each}"/>' for each in lines
    )
    box = f"-5 -5 {width * scale + 10:.1f} {height * scale + 10:.1f}"
    return (
        f'<svg viewBox="{box}" style="max-height:7rem" role="img" aria-label="handwriting"><g'
        ' fill="none" stroke="var(--ink)" stroke-width="1.6" stroke-linecap="round"'
        ' stroke-linejoin="round">'
        f'{drawn}</g><g fill="var(--s2)">{"".join(dots)}</g></svg>'
    )
