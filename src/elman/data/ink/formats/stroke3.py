"""Stroke-3, the format of sketch-rnn (Ha and Eck 2017): steps and whether the pen then lifts."""

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Ink
from elman.errors import DataError


def ink_of_stroke3(rows: NDArray[np.generic]) -> Ink:
    """Ink of rows (dx, dy, pen lifts after it), (N, 3); y downwards.

    >>> ink_of_stroke3(np.array([[1, 0, 0], [0, 2, 1], [3, 0, 1]])).strokes[1].tolist()
    [[4.0, 2.0]]
    """
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise DataError(f"stroke-3 is of shape (N, 3), not {rows.shape}")
    if not len(rows):
        return Ink.of_strokes([])
    steps = rows.astype(np.float64)
    starts = np.flatnonzero(np.concatenate([[True], steps[:-1, 2] > 0.5]))
    return Ink(np.cumsum(steps[:, :2], axis=0), starts)


def stroke3_of_ink(ink: Ink) -> NDArray[np.float32]:
    """The rows (dx, dy, pen lifts after it) of ink, (N, 3) float32, from its first point on.

    The first row is that point's step from itself, so that no place is left in it.

    >>> stroke3_of_ink(Ink.of_strokes([[(4, 4), (5, 4)]])).tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
    """
    rows = np.zeros((len(ink), 3), np.float32)
    if len(ink):
        rows[1:, :2] = np.diff(ink.points, axis=0)
        rows[:-1, 2] = ink.is_start[1:]
        rows[-1, 2] = 1
    return rows
