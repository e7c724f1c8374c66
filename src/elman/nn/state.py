"""Recurrent states of texts, one by one and as a batch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def together(states: Sequence[Any]) -> Any:
    """The states of single texts as one: their tensors, (layers, 1, H), along the second dimension.

    >>> together([(torch.zeros(2, 1, 3),), (torch.ones(2, 1, 3),)])[0].shape
    torch.Size([2, 2, 3])
    """
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(list(states), 1)
    return tuple(together(parts) for parts in zip(*states, strict=True))


def apart(states: Any, count: int) -> list[Any]:
    """The inverse of `together`."""
    if isinstance(states, Tensor):
        return list(states.chunk(count, 1))
    return list(zip(*(apart(part, count) for part in states), strict=True))
