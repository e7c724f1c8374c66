"""Probability matching: frames with the brightness of others, where they say it is."""

import torch
from torch import Tensor


def matched(frames: Tensor, reference: Tensor, known: Tensor) -> Tensor:
    """Frames whose brightness is distributed as that of a reference (Ebert 2001).

    The brightest pixel of the reference stands where the frame is brightest, and so on: a mean of
    what may come, which is too smooth, is as bright in places again as what came before.

    **Arguments:** `frames`, `reference`: (m, B, C, H, W); `known`: (B, 1, H, W), 1 for the pixels
    that are matched, 0 for those that stay.

    >>> frames, reference = torch.tensor([0.2, 0.3, 0.4, 0.1]), torch.tensor([0.0, 1.0, 0.0, 0.5])
    >>> shape = 1, 1, 1, 2, 2
    >>> matched(frames.view(shape), reference.view(shape), torch.ones(shape[1:])).flatten().tolist()
    [0.0, 0.5, 1.0, 0.0]
    """
    found = frames.clone()
    for i, mask in enumerate(known[:, 0] > 0):
        own, wanted = (each[:, i][..., mask] for each in (frames, reference))
        values = torch.empty_like(own)
        order = torch.sort(own, dim=-1, stable=True).indices
        values.scatter_(-1, order, wanted.sort(-1).values)
        found[:, i][..., mask] = values
    return found
