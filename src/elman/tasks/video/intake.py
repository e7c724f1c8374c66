"""Frames as a camera gives them, at the rate and in the form that a model reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.data.arguments import check_number
from elman.data.values import as_array, is_tensor
from elman.data.video.frame_format import Frame, FrameFormat, as_frames, formatted
from elman.errors import DataError

_SLACK = 1e-3  # seconds, as decoding rounds times
_COLOURS = (1, 3, 4)


class FrameIntake:
    """What a session takes of the frames that come.

    **Fields:** `rate`: frames a second that come, all of which are taken if it is None; `came`:
    how many have come; `taken`: how many of them, or of their repetitions, were taken.
    """

    def __init__(self, wanted: FrameFormat, rate: float | None) -> None:
        if rate is not None:
            check_number("rate", rate, 1e-4, 1e5)
        self.wanted, self.rate = wanted, rate
        self.came, self.taken = 0, 0

    def take(self, frames: Any) -> Frame:
        """The frames to read of one or more that come, (n, H, W, C) uint8."""
        found: list[Frame] = []
        for frame in _checked(frames):
            self.came += 1
            found += [formatted(frame, self.wanted)] * self._times(len(found))
        self.taken += len(found)
        return np.stack(found) if found else np.zeros((0, 1, 1, 1), np.uint8)

    @property
    def state(self) -> dict[str, Any]:
        """Numbers to continue from."""
        return {"came": self.came, "taken": self.taken, "rate": self.rate}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from those of another one."""
        self.came, self.taken, self.rate = int(state["came"]), int(state["taken"]), state["rate"]

    def _times(self, more: int) -> int:
        """How often the frame that came last is taken, after `more` that are not yet counted."""
        if self.rate is None or self.wanted.rate is None:
            return 1
        slack = min(_SLACK, 0.5 / self.wanted.rate)
        shown_until = (self.came / self.rate - slack) * self.wanted.rate
        return max(0, max(int(np.ceil(shown_until)), self.came == 1) - self.taken - more)


def _checked(frames: Any) -> Frame:
    """One frame or several as (n, H, W, C) uint8."""
    values = as_array(frames) if is_tensor(frames) else np.asarray(frames)
    if values.ndim == 2 or (values.ndim == 3 and values.shape[2] in _COLOURS):
        values = values[None]
    if values.ndim in (3, 4) and not len(values):
        raise DataError("there is no frame in what was given")
    return as_frames(values, "the frames")
