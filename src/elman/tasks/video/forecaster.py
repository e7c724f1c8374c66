"""The network that predicts frames: an encoder and a forecaster of convolutional recurrence."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import Cell
from elman.nn.conv_recurrent import ConvRecurrent
from elman.tasks.video.settings import VideoSettings


class Forecaster(nn.Module):
    """The next frames of some, (n, B, C, H, W) of 0 to 1 to (horizon, B, C, H, W).

    The encoder reads patches of the frames; the forecaster begins with its states and unrolls them,
    the last frame its input at every step (Shi et al. 2015, arXiv:1506.04214; a convolution of all
    layers' states makes the frames). With `persistence` what is predicted is added to the last
    frame.
    """

    def __init__(self, settings: VideoSettings, cell: Cell | str, channels: int) -> None:
        super().__init__()
        self.patch, self.horizon = settings.patch, settings.horizon
        self.persistence = bool(settings.persistence)
        width = channels * self.patch**2
        self.encoder = _layers(settings, cell, width)
        self.forecaster = _layers(settings, cell, width)
        self.output = nn.Conv2d(settings.hidden_size, width, 1)
        if self.persistence:  # training begins with the last frame itself
            nn.init.zeros_(self.output.weight)
            assert self.output.bias is not None
            nn.init.zeros_(self.output.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """The frames that come next, not limited to 0 to 1."""
        height, width = frames.shape[3:]
        around = (0, -width % self.patch, 0, -height % self.patch)
        patches = patches_of(F.pad(frames, around), self.patch)
        _, state = self.encoder(patches)
        last = patches[-1:]
        hidden, _ = self.forecaster(last.expand(self.horizon, *last.shape[1:]), state)
        found = self.output(hidden.flatten(0, 1))
        found = found.reshape(*hidden.shape[:2], *found.shape[1:])
        predicted = frames_of(found + last if self.persistence else found, self.patch)
        return predicted[..., :height, :width]


def _layers(settings: VideoSettings, cell: Cell | str, channels: int) -> ConvRecurrent:
    options: dict[str, Any] = {
        "dropout": settings.dropout,
        "recurrent_dropout": settings.recurrent_dropout,
        "zoneout": settings.zoneout,
        "layer_norm": settings.layer_norm,
        "residual": settings.residual,
        "forget_bias": settings.forget_bias,
        "backend": settings.backend,
    }
    return ConvRecurrent(cell, channels, settings.hidden_size, 3, settings.num_layers, **options)


def patches_of(frames: Tensor, patch: int) -> Tensor:
    """Squares of pixels as channels, (T, B, C, H, W) to (T, B, C patch², H / patch, W / patch).

    >>> import torch
    >>> patches_of(torch.zeros(5, 2, 1, 8, 12), 4).shape
    torch.Size([5, 2, 16, 2, 3])
    """
    found = F.pixel_unshuffle(frames.flatten(0, 1), patch)
    return found.reshape(*frames.shape[:2], *found.shape[1:])


def frames_of(patches: Tensor, patch: int) -> Tensor:
    """The inverse of `patches_of`."""
    found = F.pixel_shuffle(patches.flatten(0, 1), patch)
    return found.reshape(*patches.shape[:2], *found.shape[1:])
