"""Line charts for report pages as plain SVG: no library is imported to draw them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 26, 34, 50
_TICKS = 5  # about so many on an axis
_MOST_POINTS = 1000  # of a line
_FEW = 15  # points that are marked one by one


@dataclass(frozen=True)
class Line:
    """Points joined by a line; where y is not finite there is a gap.

    - `colour`: 1 to 4, of the page's style. `dashed`: how it is drawn.
    """

    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    colour: int = 1
    dashed: bool = False


@dataclass(frozen=True)
class Band:
    """The area between two lines over the same x, as of an interval."""

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    name: str = ""
    colour: int = 1


def line_chart(
    x_label: str,
    y_label: str,
    lines: Sequence[Line],
    caption: str,
    *,
    bands: Sequence[Band] = (),
    mark: tuple[float, str] | None = None,
    from_zero: bool = False,
) -> str:
    """A figure with axes, lines, a legend and a caption; all text is escaped.

    `mark` is an x at which a dotted vertical line stands, and its name.

    >>> figure = line_chart("step", "loss", [Line([0, 1], [2.0, 1.0], "a < b")], "The loss.")
    >>> figure.count("<polyline"), "a &lt; b" in figure
    (1, True)
    """
    x = [v for line in lines for v in line.x] + [v for band in bands for v in band.x]
    y = [v for line in lines for v in line.y] + [v for b in bands for v in (*b.low, *b.high)]
    known = [*filter(math.isfinite, x), *([mark[0]] if mark else [])] or [0.0]
    low, high = min(known), max(known)
    across = [tick for tick in _ticks(known) if low <= tick <= high] or [low]
    up = _ticks([*y, *([0.0] if from_zero else [])])

    def right(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(_LEFT + share * (WIDTH - _RIGHT - _LEFT), 1)

    def above(value: float) -> float:
        share = (value - up[0]) / (up[-1] - up[0])
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP), 1)

    def at(px: float, py: float) -> str:
        return f"{right(px)},{above(py)}"

    parts = [_axes({t: right(t) for t in across}, {t: above(t) for t in up}, x_label, y_label)]
    for band in bands:
        ends = [*zip(band.x, band.high, strict=True)]
        ends += [*zip(band.x, band.low, strict=True)][::-1]
        corners = [at(a, b) for a, b in ends if math.isfinite(b)]
        fill = f'fill="var(--s{band.colour})" fill-opacity="0.2"'
        parts.append(f'<polygon points="{" ".join(corners)}" {fill}/>')
    for line in lines:
        stroke = f'stroke="var(--s{line.colour})"' + (
            ' stroke-dasharray="6 4"' if line.dashed else ""
        )
        for run in _runs(line):
            points = [at(a, b) for a, b in run]
            if len(points) > 1:
                where = " ".join(points)
                parts.append(f'<polyline points="{where}" fill="none" stroke-width="2" {stroke}/>')
            if len(line.x) <= _FEW or len(points) == 1:
                parts += [
                    '<circle cx="{}" cy="{}" r="3" fill="var(--s{})"/>'.format(
                        *p.split(","), line.colour
                    )
                    for p in points
                ]
    names = [(line.name, line.colour) for line in lines if line.name]
    names += [(band.name, band.colour) for band in bands if band.name]
    if mark:
        px = right(mark[0])
        parts.append(
            f'<path d="M{px} {_TOP}V{HEIGHT - _BOTTOM}" stroke="var(--s2)" stroke-dasharray="2 4"/>'
        )
        names.append((mark[1], 2))
    parts.append(_legend(names))
    shown = escape(caption)
    return (
        f'<figure><svg role="img" aria-label="{shown}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join(parts)}</svg><figcaption>{shown}</figcaption></figure>"
    )


def _axes(
    across: Mapping[float, float], up: Mapping[float, float], x_label: str, y_label: str
) -> str:
    """Ticks, with their pixels, and labels."""
    parts = []
    for value, y in up.items():
        parts.append(f'<path d="M{_LEFT} {y}H{WIDTH - _RIGHT}" stroke="var(--faint)"/>')
        parts.append(_text(_LEFT - 8, y + 5, _number(value), "end"))
    for value, x in across.items():
        parts.append(_text(x, HEIGHT - _BOTTOM + 20, _number(value), "middle"))
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(_text(middle, HEIGHT - 8, x_label, "middle"))
    turned = f' transform="rotate(-90 14 {HEIGHT / 2})"'
    parts.append(_text(14, HEIGHT / 2, y_label, "middle", turned))
    return "".join(parts)


def _legend(names: Sequence[tuple[str, int]]) -> str:
    parts, x = [], float(_LEFT)
    for name, colour in names:
        parts.append(f'<rect x="{x:g}" y="10" width="14" height="4" fill="var(--s{colour})"/>')
        parts.append(_text(x + 19, 17, name, "start"))
        x += 36 + 7.5 * len(name)
    return "".join(parts)


def _text(x: float, y: float, content: str, anchor: str, more: str = "") -> str:
    style = f'font-size="14" fill="var(--ink)" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {style}{more}>{escape(content)}</text>'


def _runs(line: Line) -> list[list[tuple[float, float]]]:
    """The stretches of a line without gaps; of very many points some."""
    stride = max(1, -(-len(line.x) // _MOST_POINTS))
    runs: list[list[tuple[float, float]]] = [[]]
    for point in zip(line.x[::stride], line.y[::stride], strict=True):
        if math.isfinite(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers from below the least to above the largest.

    >>> _ticks([3, 17]), _ticks([5.0]), _ticks([0.62, 1.0])
    ([0.0, 5.0, 10.0, 15.0, 20.0], [4.0, 4.5, 5.0, 5.5, 6.0], [0.6, 0.7, 0.8, 0.9, 1.0])
    """
    known = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if low == high:
        low, high = low - abs(low) * 0.2 - (not low), high + abs(high) * 0.2 + (not high)
    rough = (high - low) / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * f for f in (1, 2, 5, 10) if unit * f >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(i * step, digits) for i in range(first, last + 1)]


def _number(value: float) -> str:
    """A tick's number.

    >>> _number(20000.0), _number(0.25), _number(2e-7)
    ('20,000', '0.25', '2e-07')
    """
    if value and (abs(value) < 1e-4 or abs(value) >= 1e7):
        return f"{value:.3g}"
    return f"{value:,.6g}" if abs(value) >= 1 else f"{value:.4g}"
