"""Predict the next frames while frames come."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elman.data import Clip, Clips
from elman.data.video.frame_format import Frame
from elman.errors import DataError, SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, restoring
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.intake import FrameIntake

if TYPE_CHECKING:
    from elman.tasks.video.task import Video


class ForecastSession:
    """Frames as they arrive, and after each the next ones; `Video.session` makes it.

    It remembers as many frames as the model reads, `inputs`. What it predicts is what `predict`
    does for a clip that ends there.
    """

    def __init__(
        self, task: "Video", *, rate: float | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._task = task
        self._intake = FrameIntake(task.preprocessing.format, rate)
        self._frames: Frame | None = None
        self._value: Frame | None = None
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._restore(state)

    def accept(self, frames: Any) -> Update:
        """Take one frame or more and predict those after them, (horizon, H, W, C) uint8; None
        before there are as many as the model reads.

        **Arguments:** `frames`: (n, H, W) or (n, H, W, C), or one frame, (H, W) or (H, W, C), of
        uint8 or floats from 0 to 1; they may be of any size.
        """
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        taken = self._intake.take(frames)
        if len(taken):
            kept = [] if self._frames is None else [self._frames]
            if kept and kept[0].shape[1:] != taken.shape[1:]:
                height, width = taken.shape[1:3]
                raise DataError(f"the frames are {height} x {width}, and those before were not")
            self._frames = np.concatenate([*kept, taken])[-self._needed :]
            self._value = self._predicted()
        return Update(self._value)

    def finish(self) -> Prediction:
        """The frames after the last one; an `error` where fewer have come than the model reads."""
        self._finished = True
        if self._value is None:
            count = self._intake.taken
            return Prediction(None, f"{count} frames have arrived, and {self._needed} are needed")
        return Prediction(self._value, columns=("frames", "name"))

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, for `session(state=...)`."""
        found = {**origin(self._task), **self._intake.state, "finished": self._finished}
        if self._frames is not None:
            found["frames"] = torch.from_numpy(self._frames.copy())
        return found

    @property
    def _needed(self) -> int:
        return int(self._task.settings.inputs)

    def _predicted(self) -> Frame | None:
        if self._frames is None or len(self._frames) < self._needed:
            return None
        clips = Clips([Clip(self._frames)], None, None, ["session"], ["session"])
        task = self._task
        output = task._outputs(VideoData(clips, [self._frames], goes_on=True))
        found: Frame = task.decode(output, task.preprocessing, {})[0].value
        return found

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._intake.restore(state)
        self._finished = bool(state["finished"])
        if "frames" in state:
            self._frames = state["frames"].cpu().numpy()
        self._value = self._predicted()
