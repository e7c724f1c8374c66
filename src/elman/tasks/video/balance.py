"""Weights of pixels by their brightness: rare ones count more."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.video.frame_format import Frame

_BIN = 16  # grades of brightness that are counted together
_LOOKED_AT = 200  # clips
_FRAMES = 20  # of each
_MOST = 30.0  # weight of the rarest, that of the commonest being 1


def brightness_weights(
    frames: Sequence[Frame], valid: Sequence[NDArray[np.bool_] | None], balance: float
) -> Tensor | None:
    """The weight of each brightness, (256,), 1 on average; None if `balance` is 0.

    A pixel counts by how often its brightness is met, to the power of -`balance`, as the balanced
    errors of Shi et al. (2017, arXiv:1706.03458) do by classes of rain.

    >>> frames = np.zeros((1, 10, 10, 1), np.uint8)
    >>> frames[0, :3, :3] = 200
    >>> weights = brightness_weights([frames], [None], 0.5)
    >>> round(float(weights[200] / weights[0]), 2)
    3.18
    >>> round(float(weights[frames.astype(int)].mean()), 2)
    1.0
    """
    if not balance:
        return None
    counts = np.zeros(256 // _BIN)
    places = np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).round().astype(int)
    for i in places.tolist():
        own = frames[i]
        chosen = np.linspace(0, len(own) - 1, min(len(own), _FRAMES)).round().astype(int)
        mask = valid[i]
        for t in chosen.tolist():
            grey = own[t].mean(-1)
            known = grey if mask is None else grey[mask[t]]
            counts += np.bincount((known.ravel() / _BIN).astype(int), minlength=len(counts))
    # Grades that are met never are as rare as one pixel.
    shares = np.maximum(counts, 1) / counts.sum()
    weights = np.minimum((shares / shares.max()) ** -balance, _MOST)
    weights /= (weights * counts).sum() / counts.sum()
    return torch.from_numpy(weights.repeat(_BIN).astype(np.float32))
