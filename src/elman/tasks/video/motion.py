"""How much moves where in a clip."""

import numpy as np
from numpy.typing import NDArray

from elman.data.video.frame_format import Frame

_PARTS = 3  # of a side, whose motion is measured
FIGURES = _PARTS**2


def motion_energy(frames: Frame) -> NDArray[np.float64]:
    """The mean absolute change of each of 3 x 3 parts of the frame, white 1: (T - 1, 9).

    Of one frame a step of zeros.

    >>> motion_energy(np.zeros((4, 8, 8, 1), np.uint8)).shape
    (3, 9)
    """
    values = frames.mean(-1)
    change = np.abs(np.diff(values, axis=0)) if len(values) > 1 else np.zeros_like(values)
    rows = np.array_split(change, _PARTS, 1)
    parts = [part for row in rows for part in np.array_split(row, _PARTS, 2)]
    return np.stack([part.mean((1, 2)) for part in parts], 1) / 255


class RunningMotion:
    """The motion of frames that come a few at a time.

    `last`: the frame that came last, (1, H, W, C), or none, (0,); `rows`: what `motion_energy` is
    of all so far, (T - 1, 9).
    """

    def __init__(self) -> None:
        self.last: Frame = np.zeros(0, np.uint8)
        self.rows = np.zeros((0, FIGURES))

    def take(self, frames: Frame) -> None:
        """More frames, (n, H, W, C) uint8."""
        known = np.concatenate([self.last, frames]) if len(self.last) else frames
        if len(known) > 1:
            self.rows = np.concatenate([self.rows, motion_energy(known)])
        self.last = known[-1:].copy()

    @property
    def energy(self) -> NDArray[np.float64]:
        """What `motion_energy` is of all frames that came."""
        return self.rows if len(self.rows) else np.zeros((1, FIGURES))
