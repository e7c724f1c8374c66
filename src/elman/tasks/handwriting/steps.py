"""From ink to the steps of a network: evenly along the pen's path, in units of its own size."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from elman.data import Ink
from elman.data.ink.preparation import distances, resampled

CHANNELS = 6  # x, y, first of a stroke, real (not padding), height in the page, size
SMALLEST = 0.05  # of the usual size: what is smaller is a dot
LONGEST = 20_000  # steps, about; of longer paths they are wider
_SPREAD = 5, 95  # percentiles of y between which most of a line of text lies


@dataclass(frozen=True)
class Steps:
    """How ink becomes steps.

    - `is_text`: lines of text, measured by the height within which most of the line lies; symbols
      are measured by the longer side of their box.
    - `resolution`: steps in that size.
    - `size`, `top`: the median size of the training data, and its median place on the page.
    """

    is_text: bool
    resolution: int
    size: float
    top: float

    @classmethod
    def of(cls, inks: list[Ink], resolution: int, *, is_text: bool) -> "Steps":
        """With the usual size of some ink."""
        sizes = [size_of(ink, is_text=is_text) for ink in inks]
        size = float(np.median([size for size in sizes if size > 0] or [1.0]))
        top = float(np.median([np.mean([ink.box[1], ink.box[3]]) for ink in inks]))
        return cls(is_text, resolution, size, top)

    def read(self, ink: Ink) -> tuple[Tensor, np.ndarray]:
        """The steps, (T, 6) float32, and the number of the ink's point each comes from, (T,).

        x and y are in units of the ink's size, from its middle; the others are the first of a
        stroke, 1 (0 is padding), the ink's middle height on the page and its size, both in units of
        the training data's.
        """
        points = ink.points
        middle = (points.min(0) + points.max(0)) / 2
        size = max(size_of(ink, is_text=self.is_text), SMALLEST * self.size)
        size = max(size, self.resolution * float(distances(ink).sum()) / LONGEST)
        even = resampled(ink.placed((points - middle) / size), 1 / self.resolution)
        steps = np.ones((len(even), CHANNELS), np.float32)
        steps[:, :2] = even.points
        steps[:, 2] = even.is_start
        steps[:, 4] = np.clip((middle[1] - self.top) / self.size, -10, 10)
        steps[:, 5] = min(size / self.size, 1e3)
        return torch.from_numpy(steps), _origins(ink, even)


def size_of(ink: Ink, *, is_text: bool) -> float:
    """The longer side of a symbol's box, or the height in which most of a line lies."""
    width, height = np.ptp(ink.points, axis=0)
    if not is_text:
        return float(max(width, height))
    even = resampled(ink, max(width, height, 1e-9) / 200).points[:, 1]
    low, high = np.percentile(even, _SPREAD)
    return float(max(high - low, height / 4))


def _origins(ink: Ink, even: Ink) -> np.ndarray:
    """For each resampled point the nearest point of the same stroke, by arc length."""
    found = []
    ends = [*ink.starts[1:], len(ink)]
    theirs = [*even.starts[1:], len(even)]
    for start, end, first, last in zip(ink.starts, ends, even.starts, theirs, strict=True):
        stroke = ink.points[start:end]
        path = np.concatenate([[0], np.hypot(*np.diff(stroke, axis=0).T).cumsum()])
        at = np.linspace(0, path[-1], last - first)
        found.append(start + np.searchsorted(path, at - 1e-12 * path[-1], side="left"))
    return np.concatenate(found).clip(0, len(ink) - 1)
