"""Forecasts of frames without a model, and which of them a model begins with."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data import Clip
from elman.data.video.frame_format import FrameFormat
from elman.errors import DataError
from elman.tasks.video.optical_flow import extrapolated
from elman.tasks.video.settings import VideoSettings
from elman.tasks.video.windows import Window, Windows

LAST, FLOW = "persistence", "optical flow"
MEAN, BLACK = "mean of the frames given", "black"
_CLIPS = 50  # that are looked at, evenly spread
_FRAMES = 500  # of a file
_PIXELS = 1 << 24  # of all frames given in the windows that are looked at
_FEWEST, _MOST = 3, 24  # windows
_GAIN = 0.9  # of the least other error, below which the flow's must be


class Start(NamedTuple):
    """What is predicted: changes of the last frame (`persistence`), and along the `flow`."""

    persistence: bool
    flow: bool


def start_of(clips: Sequence[Clip], settings: VideoSettings) -> Start:
    """By the squared errors of forecasts without a model on some windows of clips.

    The flow where its error is less by a tenth than that of all others, else the last frame where
    it is the best of them.
    """
    windows = _some(clips, settings)
    try:
        places = windows.places()
    except DataError:  # as training will say, where no other clip is longer
        return Start(persistence=False, flow=False)
    pixels = settings.inputs * windows.frames[0][0].size
    count = min(max(_PIXELS // pixels, _FEWEST), _MOST, len(places))
    chosen = np.linspace(0, len(places) - 1, count).round().astype(int).tolist()
    sums: dict[str, float] = {}
    for i in chosen:
        window = windows.at_rest([places[i]])
        for name, predicted in simple(window).items():
            error = ((predicted - window.targets) * window.weight) ** 2
            sums[name] = sums.get(name, 0.0) + float(error.sum())
    flow = sums.pop(FLOW)
    along = flow < _GAIN * min(sums.values())
    return Start(along or sums[LAST] < min(sums[MEAN], sums[BLACK]), along)


def _some(clips: Sequence[Clip], settings: VideoSettings) -> Windows:
    """Some clips in grey, of long files the first frames."""
    places = np.linspace(0, len(clips) - 1, min(len(clips), _CLIPS)).round().astype(int)
    some = [clips[i] for i in dict.fromkeys(places.tolist())]
    wanted = FrameFormat.of(settings.rate, settings.sides, grey=True, fit=settings.fit)
    frames = []
    for clip in some:
        most = None if clip.valid is not None else _FRAMES
        frames.append(np.stack(list(islice(clip.in_format(wanted), most))))
    return Windows(frames, some, settings)


def simple(window: Window) -> dict[str, Tensor]:
    """Forecasts without a model from a window at rest: frames (m, B, C, H, W) by name."""
    inputs, like = window.inputs, window.targets
    last = inputs[-1:].expand_as(like)
    return {
        LAST: last,
        FLOW: extrapolated(last, window.motion()),
        MEAN: inputs.mean(0, keepdim=True).expand_as(like),
        BLACK: torch.zeros_like(like),
    }
