"""Pictures of ink: one piece, or a sheet of many."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from elman.data.checks import whole
from elman.data.ink.ink import Ink
from elman.data.ink.inks import Inks
from elman.errors import DataError, SettingsError
from elman.files import check_picture, write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 1.6  # inches
_MOST = 1000  # pieces on a sheet


def draw(
    inks: Inks | Iterable[Ink],
    path: Path | str | None = None,
    *,
    columns: int = 6,
    titles: Sequence[str] | None = None,
) -> "Figure":
    """A sheet of drawings, line by line, as a figure of matplotlib; each stroke has a colour of its
    own and a dot where it begins.

    **Arguments:**

    - `inks`: what to draw, at most 1,000.
    - `path`: where to write it too: `.png`, `.svg` or `.pdf`.
    - `columns`: drawings side by side.
    - `titles`: one a drawing; the texts of `Inks`, where it has them.

    >>> ink = Ink.of_strokes([[(0, 0), (0, 9)], [(5, 5)]])
    >>> figure = draw([ink, ink], columns=2, titles=["a", "b"])
    >>> [axes.get_title() for axes in figure.axes]
    ['a', 'b']
    """
    from matplotlib.figure import Figure

    columns = whole(columns, "columns", 1)
    if isinstance(inks, Inks) and titles is None:
        titles = inks.texts
    pieces = list(islice(iter(inks), _MOST + 1))
    if not pieces:
        raise DataError("there is no ink to draw")
    if len(pieces) > _MOST:
        raise SettingsError(f"at most {_MOST:,} pieces of ink are drawn on a sheet: select some")
    if titles is not None and len(titles) != len(pieces):
        raise SettingsError(f"{len(pieces)} pieces of ink but {len(titles)} titles")
    columns = min(columns, len(pieces))
    rows = -(-len(pieces) // columns)
    figure = Figure(figsize=(_CELL * columns, (_CELL + 0.3) * rows), layout="constrained")
    for i, ink in enumerate(pieces):
        axes = figure.add_subplot(rows, columns, i + 1)
        _draw_one(axes, ink, "" if titles is None else titles[i])
    if path is not None:
        check_picture(Path(path))
        kind = Path(path).suffix.lower()[1:]
        write_atomic(path, lambda place: figure.savefig(place, format=kind, dpi=120))
    return figure


def _draw_one(axes: "Axes", ink: Ink, title: str) -> None:
    for number, stroke in enumerate(ink.strokes):
        colour = f"C{number % 10}"
        axes.plot(stroke[:, 0], stroke[:, 1], color=colour, linewidth=1.2)
        axes.plot(*stroke[0], marker="o", markersize=3, color=colour)
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_yaxis()
    axes.set_axis_off()
    axes.set_title(title.replace("$", r"\$"), fontsize=9)
