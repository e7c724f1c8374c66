"""Batches of clips: their frames one after the other, varied while training."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data import BucketSampler, augmented_clip
from elman.data.video.frame_format import Frame
from elman.tasks.batches import Padded
from elman.tasks.video.settings import VideoSettings
from elman.train.inference import ByLength

_FRAMES = 2048  # in a batch of inference, unless one clip has more
Change = Callable[[Frame, np.random.Generator], Frame]


class Clips(NamedTuple):
    """The frames of some clips one after the other, (N, H, W, C), and the number of each, (B,)."""

    frames: Tensor
    lengths: Tensor

    def part(self, clips: slice, frames: slice) -> "Clips":  # noqa: ARG002
        """Some of the clips, with all of their frames."""
        ends = self.lengths.cumsum(0)
        first = int(ends[clips.start - 1]) if clips.start else 0
        return Clips(self.frames[first : int(ends[clips.stop - 1])], self.lengths[clips])


class ClipBatches:
    """Clips of similar length, varied, in another order each epoch.

    **Arguments:** `frames`: (T, H, W, C) uint8 of each; `targets`: (N,).
    """

    def __init__(
        self, frames: Sequence[Frame], targets: Tensor, settings: VideoSettings, lengths: list[int]
    ) -> None:
        self.frames, self.targets, self.seed = frames, targets, settings.seed
        self.change = variation(settings)
        self.sampler = BucketSampler(lengths, settings.batch_size, seed=self.seed, pool=20)

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, e: int, start: int = 0) -> Iterator[Padded]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for numbers in self.sampler.epoch(e)[start:]:
            clips = [
                self.change(self.frames[i], np.random.default_rng([self.seed, e, i]))
                for i in numbers.tolist()
            ]
            yield collated(clips, self.targets[torch.from_numpy(numbers)])


def in_order(
    frames: Sequence[Frame], targets: Tensor, lengths: list[int], beside: Tensor | None = None
) -> ByLength[Padded]:
    """Clips as they are, in batches of similar length, for inference.

    `beside`: goes along with the clips, (N, ...).
    """
    size = max(1, _FRAMES // max(lengths, default=1))

    def batch(numbers: list[int]) -> Padded:
        found = collated([frames[i] for i in numbers], targets[numbers])
        return found if beside is None else found._replace(beside=beside[numbers])

    return ByLength(lengths, size, batch)


def collated(clips: Sequence[Frame], targets: Tensor) -> Padded:
    """The frames one after the other, (N, H, W, C), with the number of each clip."""
    lengths = torch.tensor([len(clip) for clip in clips])
    frames = torch.from_numpy(np.concatenate(clips))
    return Padded(Clips(frames, lengths), lengths, targets)


def variation(settings: VideoSettings) -> Change:
    """What changes a clip while training: all of its frames alike."""
    options: dict[str, Any] = {
        "flip": settings.flip,
        "speed": settings.speed,
        "brightness": settings.brightness,
    }

    def change(frames: Frame, random: np.random.Generator) -> Frame:
        height, width = frames.shape[1:3]
        rows, columns = (round(settings.shift * side) for side in (height, width))
        if rows or columns:
            around = ((0, 0), (rows, rows), (columns, columns), (0, 0))
            frames = np.pad(frames, around, "edge")
        varied: Frame = augmented_clip(frames, random, crop=(height, width), **options)
        return varied

    return change
