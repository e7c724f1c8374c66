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
from elman.tasks.video.motion import motion_energy

_SIDE = 16  # pixels of the mean frame


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
