"""What a classifier of clips is compared with."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from elman.baselines import Baseline
from elman.baselines.majority import majority
from elman.baselines.result import Label
from elman.baselines.summary_linear import summary_linear
from elman.data.video.frame_format import Frame, resized

_SIDE = 16  # pixels of the mean frame
_PARTS = 3  # of a side, whose motion is measured


def baselines(
    train: Sequence[Frame],
    train_labels: Sequence[Label],
    held_out: Sequence[Frame],
    labels: Sequence[Label],
    seed: int,
    *,
    several: bool = False,
) -> list[Baseline]:
    """The most frequent class, the mean frame, and how much moves where: the order of frames is
    in none of them."""
    found = [majority(train_labels, labels)]
    for name, figures in (
        ("bag of frames, linear", mean_frame),
        ("motion energy, linear", motion_energy),
    ):
        known, new = [figures(each) for each in train], [figures(each) for each in held_out]
        result = summary_linear(known, train_labels, new, labels, several=several, seed=seed)
        found.append(replace(result, name=name))
    return found


def mean_frame(frames: Frame) -> NDArray[np.float64]:
    """The mean of the frames, at most 16 x 16 pixels, as one step: (1, pixels)."""
    mean = np.rint(frames.mean(0)).astype(np.uint8)
    height, width = (min(side, _SIDE) for side in mean.shape[:2])
    return resized(mean, (height, width)).reshape(1, -1) / 255.0


def motion_energy(frames: Frame) -> NDArray[np.float64]:
    """The mean absolute change of each of 3 x 3 parts of the frame, a step a frame: (T, 9)."""
    values = frames.mean(-1)
    change = np.abs(np.diff(values, axis=0)) if len(values) > 1 else np.zeros_like(values)
    rows = np.array_split(change, _PARTS, 1)
    parts = [part for row in rows for part in np.array_split(row, _PARTS, 2)]
    return np.stack([part.mean((1, 2)) for part in parts], 1) / 255
