"""Stretches of clips: frames that are given, and those that come next."""

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Clip
from elman.data.batching import share
from elman.data.video.frame_format import Frame
from elman.errors import DataError
from elman.tasks.video.settings import VideoSettings
from elman.train.inference import ByLength


class Window(NamedTuple):
    """A batch: frames given, (n, B, C, H, W) of 0 to 1, and those to predict, (m, B, C, H, W).

    `weight`: 1 where there is data to be predicted, else 0, (m, B, 1, H, W).
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor
    lengths: Tensor

    def shard(self, number: int, count: int) -> "Window | None":
        """Shard `number` of `count`; None if empty."""
        part = share(len(self.lengths), number, count)
        if part is None:
            return None
        inputs, targets, weight = (
            each[:, part] for each in (self.inputs, self.targets, self.weight)
        )
        return Window(inputs, targets, weight, self.lengths[part])


class Windows:
    """The frames of clips with where they hold data."""

    def __init__(
        self, frames: Sequence[Frame], clips: Sequence[Clip], settings: VideoSettings
    ) -> None:
        self.frames, self.settings = frames, settings
        self.valid = [
            _mask(clip, own, settings.fit) for clip, own in zip(clips, frames, strict=True)
        ]
        self.inputs, self.length = settings.inputs, settings.inputs + settings.horizon

    def places(self) -> list[tuple[int, int]]:
        """The number of the clip and the first frame of each window, side by side but for the
        frames given."""
        found = [
            (i, start)
            for i, own in enumerate(self.frames)
            for start in range(0, len(own) - self.length + 1, self.settings.horizon)
        ]
        if not found:
            longest = max((len(own) for own in self.frames), default=0)
            raise DataError(
                f"no clip has the {self.length} frames that inputs={self.inputs} and"
                f" horizon={self.settings.horizon} need; the longest has {longest}"
            )
        return found

    def training(self) -> "TrainingWindows":
        """Windows at random places."""
        return TrainingWindows(self)

    def in_order(self) -> ByLength[Window]:
        """The windows of `places`."""
        places = self.places()
        return ByLength([1] * len(places), 16, lambda n: self.batch([places[i] for i in n]))

    def last(self) -> ByLength[Window]:
        """The last frames of each clip, whose next ones are not known."""
        places = [(i, len(own) - self.inputs) for i, own in enumerate(self.frames)]
        return ByLength([1] * len(places), 16, lambda n: self.batch([places[i] for i in n]))

    def batch(self, places: Sequence[tuple[int, int]]) -> Window:
        """The windows at some places."""
        stretches = [self.frames[i][start : start + self.length] for i, start in places]
        whole = torch.from_numpy(np.stack(stretches, 1)).permute(0, 1, 4, 2, 3).float() / 255
        begin = self.inputs
        inputs, targets = whole[:begin], whole[begin:]
        weight = torch.ones(len(targets), len(places), 1, *whole.shape[3:])
        for column, (i, start) in enumerate(places):
            if (mask := self.valid[i]) is not None:
                chosen = mask[start + begin : start + self.length]
                weight[:, column, 0] = torch.from_numpy(chosen.astype(np.float32))
        return Window(inputs, targets, weight, torch.full((len(places),), begin))


class TrainingWindows:
    """Batches of windows at random places, in another order each epoch."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        self.places = windows.places()
        short = sum(len(own) < windows.length for own in windows.frames)
        if short:
            warnings.warn(
                f"left out: {short:,} of {len(windows.frames):,} clips with fewer than"
                f" {windows.length} frames",
                stacklevel=2,
            )
        self.size, self.seed = windows.settings.batch_size, windows.settings.seed

    def __len__(self) -> int:
        return -(-len(self.places) // self.size)

    def epoch(self, e: int, start: int = 0) -> Iterator[Window]:
        """The batches of epoch `e`, from the one numbered `start`."""
        random = np.random.default_rng([self.seed, e])
        order = random.permutation(len(self.places))
        spare = [len(self.windows.frames[i]) - self.windows.length for i, _ in self.places]
        begins = random.integers(0, np.array(spare) + 1)
        places = [(self.places[k][0], int(begins[k])) for k in order.tolist()]
        for batch in range(start, len(self)):
            yield self.windows.batch(places[batch * self.size : (batch + 1) * self.size])


def _mask(clip: Clip, frames: Frame, fit: str) -> NDArray[np.bool_] | None:
    """Where a clip holds data, (T, H, W) in the size of its frames; None if everywhere."""
    if clip.valid is None:
        return None
    count, height, width = frames.shape[:3]
    valid = clip.valid if clip.valid.ndim == 3 else clip.valid[None]
    if len(valid) not in (1, count) or (fit != "resize" and valid.shape[1:] != (height, width)):
        raise DataError(
            f"valid of shape {clip.valid.shape} does not fit frames of shape {frames.shape[:3]}:"
            " leave out rate and fit"
        )
    rows, columns = (
        ((np.arange(side) + 0.5) * own / side).astype(int)
        for side, own in zip((height, width), valid.shape[1:], strict=True)
    )
    return np.broadcast_to(valid[:, rows[:, None], columns], (count, height, width))
