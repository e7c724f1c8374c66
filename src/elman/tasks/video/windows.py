"""Stretches of clips: frames that are given, and those that come next."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Clip
from elman.data.batching import share
from elman.data.video.frame_format import Frame
from elman.errors import DataError
from elman.tasks.video.optical_flow import grid, optical_flow, sampled, timeline
from elman.tasks.video.settings import VideoSettings

_TOGETHER, _PIXELS = 16, 64 * 64  # windows in a batch of inference, if of so many pixels a frame
Place = tuple[int, int]  # the number of a clip and the first frame of a window


class Window(NamedTuple):
    """A batch: frames given, (n, B, C, H, W) of 0 to 1, and those to predict, (m, B, C, H, W).

    `weight`: of each pixel to be predicted, 0 where there is no data, (m, B, 1, H, W). `known`: 1
    where the frames given hold data, else 0, (n, B, 1, H, W). `flow`: where frames are moved along
    it to where their content is at the last one given, their motion, (B, 2, H, W).
    """

    inputs: Tensor
    targets: Tensor
    weight: Tensor
    known: Tensor
    lengths: Tensor
    flow: Tensor | None = None

    def motion(self) -> Tensor:
        """The optical flow of frames at rest."""
        return optical_flow(self.inputs.mean(2), self.known[:, :, 0])

    def in_motion(self) -> "Window":
        """The frames given, moved along their flow."""
        flow = self.motion()
        return self._replace(inputs=moved(self.inputs, flow), flow=flow)

    def shard(self, number: int, count: int) -> "Window | None":
        """Shard `number` of `count`; None if empty."""
        part = share(len(self.lengths), number, count)
        if part is None:
            return None
        frames = (self.inputs, self.targets, self.weight, self.known)
        inputs, targets, weight, known = (each[:, part] for each in frames)
        flow = None if self.flow is None else self.flow[part]
        return Window(inputs, targets, weight, known, self.lengths[part], flow)


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

    def places(self) -> list[Place]:
        """The windows side by side but for the frames given."""
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

    def in_order(self) -> "ByShape":
        """The windows of `places`."""
        return self._batches(self.places())

    def last(self) -> "ByShape":
        """The last frames of each clip, whose next ones are not known."""
        return self._batches([(i, len(own) - self.inputs) for i, own in enumerate(self.frames)])

    def _batches(self, places: list[Place]) -> "ByShape":
        return ByShape(self, places)

    def batch(self, places: Sequence[Place]) -> Window:
        """The windows at some places; with `flow` the frames given are moved along it."""
        window = self.at_rest(places)
        return window.in_motion() if self.settings.flow else window

    def at_rest(self, places: Sequence[Place]) -> Window:
        """The windows at some places, nothing moved.

        Smaller ones have no data below and to the right.
        """
        tensors = zip(*map(self.tensors, places), strict=True)
        frames, known = (together(each) for each in tensors)
        return parted(frames, known, self.inputs)

    def tensors(
        self, place: Place, rows: slice = slice(None), columns: slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """A window's frames, (T, C, h, w) of 0 to 1 and black where there is no data, and 1 where
        there is, else 0, (T, 1, h, w)."""
        i, start = place
        stretch = slice(start, start + self.length)
        frames = torch.from_numpy(np.array(self.frames[i][stretch, rows, columns]))
        frames = frames.permute(0, 3, 1, 2).float() / 255
        known = torch.ones_like(frames[:, :1])
        if (mask := self.valid[i]) is not None:
            known[:, 0] = torch.from_numpy(np.array(mask[stretch, rows, columns])).float()
        return frames * known, known


class ByShape:
    """Batches of windows whose frames are of one height and width, for inference."""

    def __init__(self, windows: Windows, places: Sequence[Place]) -> None:
        self.windows, self.places = windows, places
        alike: dict[tuple[int, ...], list[int]] = {}
        for number, (i, _) in enumerate(places):
            alike.setdefault(windows.frames[i].shape[1:3], []).append(number)
        self._groups = [
            own[i : i + size]
            for shape, own in alike.items()
            for size in [max(1, min(_TOGETHER, _TOGETHER * _PIXELS // math.prod(shape)))]
            for i in range(0, len(own), size)
        ]

    def __len__(self) -> int:
        return len(self._groups)

    def epoch(self, e: int, start: int = 0) -> Iterator[Window]:  # noqa: ARG002
        """The batches from the one numbered `start`."""
        for group in self._groups[start:]:
            yield self.windows.batch([self.places[i] for i in group])

    def in_order(self) -> list[int]:
        """The number of each window, in the order in which the batches bring them."""
        return [number for group in self._groups for number in group]


def together(frames: Sequence[Tensor]) -> Tensor:
    """Frames (T, C, H, W) each as (T, N, C, H, W), smaller ones with black below and to the right.

    >>> together([torch.ones(5, 1, 8, 9), torch.ones(5, 1, 6, 12)]).shape
    torch.Size([5, 2, 1, 8, 12])
    """
    height, width = (max(each.shape[k] for each in frames) for k in (2, 3))
    around = [(0, width - each.shape[3], 0, height - each.shape[2]) for each in frames]
    return torch.stack([F.pad(*each) for each in zip(frames, around, strict=True)], 1)


def parted(frames: Tensor, known: Tensor, inputs: int) -> Window:
    """Frames (T, B, C, H, W) and where they hold data, as those given and those to predict."""
    lengths = torch.full((frames.shape[1],), inputs)
    return Window(frames[:inputs], frames[inputs:], known[inputs:], known[:inputs], lengths)


def moved(frames: Tensor, flow: Tensor) -> Tensor:
    """Frames (n, B, C, H, W) with their content where the flow brings it until the last one."""
    places = grid(frames.shape[3:], frames).unsqueeze(0)
    when = timeline(flow, len(frames), 0, places)
    found = sampled(frames.flatten(0, 1), when.flatten(0, 1), outside="border")
    return found.reshape(frames.shape)


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
