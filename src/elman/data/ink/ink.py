"""Online handwriting: what a pen drew, stroke by stroke, in the order of time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
CHANNELS = ("time", "pressure", "azimuth", "altitude")


@dataclass(frozen=True, eq=False)
class Ink:
    """Strokes of points, from the pen's touching the paper to its leaving it.

    **Fields:**

    - `points`: (N, 2) float64, x to the right and y *downwards*, as on a screen.
    - `starts`: (S,) int64, the number of each stroke's first point; S strokes, none of them empty.
    - `time`: (N,) seconds since the first point, or None where it was not recorded.
    - `pressure`: (N,), 0 to 1, or None.
    - `azimuth`, `altitude`: (N,) radians, the pen's direction and its angle to the paper, or None.
    - `unit`: millimetres that 1 in x and y is, or None where that is not known.

    Raises `DataError` where shapes do not agree or a number is NaN or infinite. Ink without a point
    is legal.

    >>> ink = Ink.of_strokes([[(0, 0), (0, 9)], [(5, 5)]])
    >>> len(ink), [stroke.shape for stroke in ink.strokes]
    (3, [(2, 2), (1, 2)])
    """

    points: Array
    starts: NDArray[np.int64]
    time: Array | None = None
    pressure: Array | None = None
    azimuth: Array | None = None
    altitude: Array | None = None
    unit: float | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 2:
            raise DataError(f"points are of shape {self.points.shape}, not (N, 2)")
        for name in ("points", *CHANNELS):
            values = getattr(self, name)
            if values is None:
                continue
            if len(values) != len(self.points):
                raise DataError(f"{len(self.points)} points but {len(values)} of {name}")
            if not np.isfinite(values).all():
                raise DataError(f"{name} has a value that is NaN or infinite")
        starts, count = self.starts, len(self.points)
        is_rising = (starts[1:] > starts[:-1]).all() and (
            starts[0] == 0 and starts[-1] < count if len(starts) else count == 0
        )
        if not is_rising:
            raise DataError("starts must rise from 0, and no stroke be empty")

    @classmethod
    def of_strokes(cls, strokes: Sequence[Any], **fields: Any) -> Self:
        """From the points of each stroke, (n, 2) each; empty strokes are left out.

        `fields`: the other fields, of all points one after another.
        """
        arrays = [np.asarray(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
        arrays = [array for array in arrays if len(array)]
        points = np.concatenate(arrays) if arrays else np.empty((0, 2))
        lengths = np.array([0, *(len(array) for array in arrays)], np.int64)
        return cls(points, lengths.cumsum()[:-1], **fields)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def strokes(self) -> list[Array]:
        """The points of each stroke, (n, 2)."""
        return np.split(self.points, self.starts[1:]) if len(self) else []

    @property
    def lasts(self) -> NDArray[np.int64]:
        """The number of each stroke's last point, (S,)."""
        lasts = np.empty_like(self.starts)
        if len(lasts):
            lasts[:-1] = self.starts[1:] - 1
            lasts[-1] = len(self) - 1
        return lasts

    @property
    def is_start(self) -> NDArray[np.bool_]:
        """Whether a stroke begins at each point, (N,)."""
        found = np.zeros(len(self), bool)
        found[self.starts] = True
        return found

    @property
    def channels(self) -> tuple[str, ...]:
        """What was recorded beside x and y."""
        return tuple(name for name in CHANNELS if getattr(self, name) is not None)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom; DataError of ink without a point."""
        if not len(self):
            raise DataError("the ink has no point")
        (left, top), (right, bottom) = self.points.min(0), self.points.max(0)
        return float(left), float(top), float(right), float(bottom)

    def plot(self, path: Path | str | None = None, title: str = "") -> "Figure":
        """A picture of it as a figure of matplotlib, written to `path` too if one is given."""
        from elman.data.ink.draw import draw

        return draw([self], path, titles=[title])

    def placed(self, points: Array) -> Self:
        """The same with other places of the points."""
        return replace(self, points=points)
