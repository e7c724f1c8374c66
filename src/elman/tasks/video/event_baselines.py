"""What a model that finds events is compared with."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from elman.baselines import Baseline
from elman.baselines.logistic import Logistic
from elman.baselines.standard import scale_of, scaled
from elman.data.video.frame_format import Frame, resized
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.event_metrics import event_metrics, frame_metrics
from elman.tasks.video.event_thresholds import best_thresholds
from elman.tasks.video.event_tracker import at_frames, events_in
from elman.tasks.video.motion import FIGURES, motion_energy
from elman.tasks.video.preprocessing import VideoPreprocessing

_SIDE = 16  # pixels of a small frame
_MOST_FRAMES = 6000  # that are trained on
_STRENGTH = 1.0
_AT_ONCE = 512  # frames

Figures = Callable[[Frame], NDArray[np.float32]]


def baselines(
    known: VideoPreprocessing, train: VideoData, held_out: VideoData, seed: int
) -> list[Baseline]:
    """No event at all; and linear models of what a frame looks like and of how much moves in it,
    whose thresholds are chosen on the held-out videos, as those of the model are."""
    made = _Made(known, held_out)
    labels = known.frame_labels(train)
    shape = len(known.labels)
    started = time.perf_counter()
    found = [
        made.by("most frequent (no event)", lambda frames: np.zeros((len(frames), shape)), started)
    ]
    places = _some([len(own) for own in labels], seed)
    targets = [
        tuple(np.compress(row, known.labels).tolist())
        for own, at in zip(labels, places, strict=True)
        for row in own[at]
    ]
    for name, figures in (("bag of frames, linear", small), ("motion energy, linear", moving)):
        started = time.perf_counter()
        pairs = zip(known.frames(train), places, strict=True)
        inputs = np.concatenate([figures(frames)[at] for frames, at in pairs])
        standard = scale_of(inputs)
        model = Logistic.fit(scaled(inputs, *standard), targets, several=True, strength=_STRENGTH)
        columns = [known.labels.index(label) for label in model.classes]

        def told(
            frames: Frame,
            figures: Figures = figures,
            model: Logistic = model,
            columns: list[int] = columns,
            standard: tuple[NDArray[np.float64], NDArray[np.float64]] = standard,
        ) -> NDArray[np.floating]:
            found = np.zeros((len(frames), shape))
            scores = model.scores(scaled(figures(frames), *standard))
            found[:, columns] = torch.sigmoid(scores).numpy()
            return found

        found.append(made.by(name, told, started))
    return found


class _Made:
    """Baselines measured on held-out videos."""

    def __init__(self, known: VideoPreprocessing, held_out: VideoData) -> None:
        self.known, self.frames = known, known.frames(held_out)
        self.events = known.decoded(held_out).events
        self.actual = known.frame_labels(held_out)

    def by(
        self, name: str, told: Callable[[Frame], NDArray[np.floating]], started: float
    ) -> Baseline:
        """That of the probabilities of labels at each frame, (T, labels)."""
        known, rules = self.known, self.known.rules
        assert rules is not None
        probabilities = [told(frames) for frames in self.frames]
        given = known.labels, rules, known.rate
        limits = best_thresholds(probabilities, self.events, *given)
        found = [events_in(own, limits, *given) for own in probabilities]
        labels = [
            at_frames(own, known.labels, len(actual), known.rate)
            for own, actual in zip(found, self.actual, strict=True)
        ]
        pairs = zip(labels, self.actual, strict=True)
        scores = np.array([float((own == actual).all(1).mean()) for own, actual in pairs])
        return Baseline(
            name,
            {**event_metrics(self.events, found), **frame_metrics(self.actual, labels)},
            scores,
            time.perf_counter() - started,
            metric="frame_accuracy",
        )


def small(frames: Frame) -> NDArray[np.float32]:
    """Each frame in 16 x 16 pixels or less, (T, pixels)."""
    sides = min(frames.shape[1], _SIDE), min(frames.shape[2], _SIDE)
    pictures = np.stack([resized(frame, sides).reshape(-1) for frame in frames])
    scaled: NDArray[np.float32] = pictures.astype(np.float32) / np.float32(255)
    return scaled


def moving(frames: Frame) -> NDArray[np.float32]:
    """The mean absolute change of each of 3 x 3 parts from the frame before, (T, 9)."""
    found: list[NDArray[np.float64]] = [np.zeros((1, FIGURES))]
    starts = range(0, len(frames) - 1, _AT_ONCE)
    found += [motion_energy(frames[i : i + _AT_ONCE + 1]) for i in starts]
    changes: NDArray[np.float32] = np.concatenate(found).astype(np.float32)
    return changes


def _some(lengths: Sequence[int], seed: int) -> list[NDArray[np.int64]]:
    """Numbers of frames of each video, a like share of all."""
    random = np.random.default_rng(seed)
    share = min(1.0, _MOST_FRAMES / max(1, sum(lengths)))
    return [np.sort(random.permutation(count)[: max(1, round(share * count))]) for count in lengths]
