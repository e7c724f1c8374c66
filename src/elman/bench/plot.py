"""Comparisons as a picture: how many times faster, for each shape and rival."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from elman.bench import peak
from elman.bench.measurement import Row
from elman.files import check_picture

_COLOURS = ("#2563c9", "#d9730d", "#1c8a58", "#8a4fbf", "#c2374b", "#5b6577", "#b8860b", "#0f8b8d")
_PANEL = (3.6, 2.3)  # inches


def save(rows: Sequence[Row], path: Path) -> None:
    """Write the picture. `path` ends in .png, .svg or .pdf."""
    check_picture(path)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        draw(rows).savefig(path, dpi=130)


def draw(rows: Sequence[Row]) -> Figure:
    """A row of panels for each mode, in it one for each cell."""
    modes = list(dict.fromkeys(row.mode for row in rows))
    rivals = list(dict.fromkeys(row.rival for row in rows))
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(rivals)}
    cells = {m: list(dict.fromkeys(r.cell for r in rows if r.mode == m)) for m in modes}
    across = max(map(len, cells.values()))
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        size = (max(8.0, _PANEL[0] * across), 1.2 + _PANEL[1] * len(modes))
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(
            f"How many times faster elman is (log scale; 1 is even), by T,B and I,H\n"
            f"{peak.describe()}, float32",
            fontsize=11,
        )
        for down, mode in enumerate(modes):
            ratios = [row.ratio for row in rows if row.mode == mode]
            for right, cell in enumerate(cells[mode]):
                ax = figure.add_subplot(len(modes), across, down * across + right + 1)
                _panel(ax, [r for r in rows if (r.mode, r.cell) == (mode, cell)], colours)
                ax.set_ylim(min(0.5, *ratios) / 1.15, max(2.0, *ratios) * 1.15)
                ax.set_title(f"{cell}, {mode}", fontsize=9)
                if right == 0:
                    ax.set_ylabel("times faster", fontsize=8)
        handles = [Patch(color=colours[name]) for name in rivals]
        titles = [f"against {name}" for name in rivals]
        figure.legend(handles, titles, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _panel(ax: Axes, rows: Sequence[Row], colours: dict[str, str]) -> None:
    """Bars from the line at 1 up or down, in groups of one shape."""
    shapes = list(dict.fromkeys(row.shape for row in rows))
    rivals = list(dict.fromkeys(row.rival for row in rows))
    width = min(0.8 / len(rivals), 0.4)
    for row in rows:
        offset = (rivals.index(row.rival) - (len(rivals) - 1) / 2) * width
        at = shapes.index(row.shape) + offset
        ax.bar(at, row.ratio - 1, width * 0.92, bottom=1, color=colours[row.rival])
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_locator(LogLocator(base=2))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.axhline(1, color="black", linewidth=1)
    ax.grid(axis="y", color="#d9dee6", linewidth=0.6)
    ax.set_axisbelow(True)
    labels = [f"{t},{b}\n{i},{h}" for t, b, i, h in shapes]
    ax.set_xticks(range(len(shapes)), labels)
    ax.set_xlim(-0.6, len(shapes) - 0.4)
    ax.tick_params(labelsize=7)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
