"""Quantiles that cannot cross, and their loss."""

import torch
import torch.nn.functional as F
from torch import Tensor


def around(median: Tensor, parts: Tensor) -> Tensor:
    """Quantiles (..., Q) above and below a median (...) by positive steps, made of any numbers
    (..., Q); the middle one moves the median.

    >>> around(torch.zeros(1), torch.zeros(1, 3)).round(decimals=2)
    tensor([[-0.6900,  0.0000,  0.6900]])
    """
    middle = parts.shape[-1] // 2
    below, moved, above = parts.tensor_split([middle, middle + 1], -1)
    median = median.unsqueeze(-1) + moved
    down = F.softplus(below).flip(-1).cumsum(-1).flip(-1)
    return torch.cat([median - down, median, median + F.softplus(above).cumsum(-1)], -1)


def pinball(quantiles: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """Twice the mean pinball loss where the target, (..., K), is known: at the median the
    absolute error.

    >>> float(pinball(torch.tensor([[0.0, 2.0]]), torch.tensor([1.0]), torch.tensor([0.5, 0.5])))
    1.0
    """
    known = torch.isfinite(target)
    error = torch.where(known, target, 0).unsqueeze(-1) - quantiles
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return (loss * known).sum() / known.sum().clamp(min=1)
