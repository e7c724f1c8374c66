"""Windows of long videos to train on, and whole videos to find events in."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.video.frame_format import Frame
from elman.tasks.batches import Padded
from elman.tasks.video.batches import Clips, variation
from elman.tasks.video.settings import VideoSettings

_AT_EVENTS = 0.5  # share of the windows that are put where an event is


class EventWindows:
    """Windows at random places, other ones in each epoch, half of them where events are.

    Each epoch has as many frames as the videos, about. A batch's targets are (B, T, labels) of 0
    and 1, with 0 beyond the end of a shorter window.

    **Arguments:** `frames`: (T, H, W, C) uint8 of each video; `labels`: those of its frames,
    (T, labels).
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        labels: Sequence[NDArray[np.bool_]],
        settings: VideoSettings,
    ) -> None:
        assert settings.window is not None
        self.frames, self.labels, self.settings = frames, labels, settings
        self.window = settings.window
        self.change = variation(settings.model_copy(update={"speed": 0.0}))
        counts = [max(1, round(len(own) / self.window)) for own in labels]
        self.videos = np.repeat(np.arange(len(labels)), counts)
        self.starts = [_starts(own) for own in labels]

    def __len__(self) -> int:
        return -(-len(self.videos) // self.settings.batch_size)

    def epoch(self, e: int, start: int = 0) -> Iterator[Padded]:
        """The batches of epoch `e`, from the one numbered `start`."""
        size, seed = self.settings.batch_size, self.settings.seed
        order = np.random.default_rng([seed, e]).permutation(len(self.videos))
        for first in range(start * size, len(order), size):
            numbers = order[first : first + size].tolist()
            windows = [self._window(i, np.random.default_rng([seed, e, i])) for i in numbers]
            lengths = torch.tensor([len(frames) for frames, _ in windows])
            targets = torch.zeros(len(windows), int(lengths.max()), windows[0][1].shape[1])
            for i, (_, own) in enumerate(windows):
                targets[i, : len(own)] = torch.from_numpy(own.astype(np.float32))
            frames = torch.from_numpy(np.concatenate([frames for frames, _ in windows]))
            yield Padded(Clips(frames, lengths), lengths, targets)

    def _window(self, number: int, random: np.random.Generator) -> tuple[Frame, NDArray[np.bool_]]:
        """Frames and labels of a window, played a little faster or slower."""
        video = int(self.videos[number])
        labels, starts = self.labels[video], self.starts[video]
        speed = float(np.exp(random.uniform(-1, 1) * np.log1p(self.settings.speed)))
        count = min(self.window, max(1, round(len(labels) / speed)))
        span = min(len(labels), max(1, round(count * speed)))
        most = len(labels) - span
        first = int(random.integers(most + 1))
        if len(starts) and random.random() < _AT_EVENTS:
            at = int(starts[random.integers(len(starts))])
            first = int(np.clip(at - random.integers(span), 0, most))
        places = first + ((np.arange(count) + 0.5) * span / count).astype(int)
        return self.change(np.asarray(self.frames[video][places]), random), labels[places]


class WholeVideos:
    """Videos one after another, in their order."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def epoch(self, e: int, start: int = 0) -> Iterator[Frame]:  # noqa: ARG002
        """The frames of each video, from the one numbered `start`."""
        return (self._frames[i] for i in range(start, len(self._frames)))

    def in_order(self) -> range:
        """The number of each video."""
        return range(len(self._frames))


def targets_of(targets: Tensor, steps: int) -> Tensor:
    """Targets (B, T, labels) of a batch as the scores of so many steps are, (steps, B, labels)."""
    return targets[:, :steps].transpose(0, 1)


def _starts(labels: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The frames at which a label begins."""
    before = np.vstack([np.zeros((1, labels.shape[1]), bool), labels[:-1]])
    return np.flatnonzero((labels & ~before).any(1))
