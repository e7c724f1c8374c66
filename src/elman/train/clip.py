"""Clipping by the global gradient norm (Pascanu, Mikolov & Bengio, 2013)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    """The Euclidean norm of all gradients taken as one vector, a scalar; 0 if there are none.

    >>> p = nn.Parameter(torch.zeros(2)); p.grad = torch.tensor([3.0, 4.0])
    >>> gradient_norm([p])
    tensor(5.)
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    return get_total_norm(gradients, foreach=True) if gradients else torch.zeros(())


def clip_gradients(parameters: Sequence[nn.Parameter], norm: Tensor, longest: float) -> None:
    """Scale all gradients, whose global norm is `norm`, in place so that it becomes `longest`."""
    clip_grads_with_norm_(parameters, longest, norm, foreach=True)
