"""The state of a recurrent model: a tuple of tensors, each with the batch in dimension 1.

A layer's is (layers * directions, B, H) for each state of its cell, the memory of an attention
(T, B, H). What is below serves any of them, so that a beam, a session or a server's batcher need
not know the model. Layers take such a tuple whatever their cell is.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

State = tuple[Tensor, ...]


def as_tuple(state: Tensor | Sequence[Tensor] | None) -> State:
    """A layer's state as a tuple: layers whose cell has one state return a tensor. None gives ().

    >>> [part.shape for part in as_tuple(torch.zeros(2, 1, 3))]
    [torch.Size([2, 1, 3])]
    """
    if state is None:
        return ()
    return (state,) if isinstance(state, Tensor) else tuple(state)


def gather(states: Sequence[State]) -> State:
    """Several states as one, their batches one after the other.

    Parts that differ in dimension 0, as memories of unequal length do, are filled up with zeros
    (False in a mask).

    >>> gather([(torch.zeros(2, 1, 3),), (torch.ones(2, 4, 3),)])[0].shape
    torch.Size([2, 5, 3])
    """
    return tuple(_side_by_side(parts) for parts in zip(*states, strict=True))


def scatter(state: State) -> list[State]:
    """The state of each sequence of the batch, with a batch of 1: the inverse of `gather`.

    >>> [part.shape for (part,) in scatter((torch.zeros(2, 3, 5),))]
    [torch.Size([2, 1, 5]), torch.Size([2, 1, 5]), torch.Size([2, 1, 5])]
    """
    return list(zip(*(torch.split(part, 1, 1) for part in state), strict=True))


def reorder(state: State, index: Tensor) -> State:
    """The state of the sequences that `index`, (N,) int64, names; some may be left out or repeated.

    >>> reorder((torch.tensor([[1.0, 2.0, 3.0]]),), torch.tensor([2, 0, 0]))
    (tensor([[3., 1., 1.]]),)
    """
    return tuple(part.index_select(1, index) for part in state)


def _side_by_side(parts: Sequence[Tensor]) -> Tensor:
    steps = max(len(part) for part in parts)
    return torch.cat([_longer(part, steps) for part in parts], 1)


def _longer(part: Tensor, steps: int) -> Tensor:
    if len(part) == steps:
        return part
    return F.pad(part, (*(0,) * (2 * part.dim() - 1), steps - len(part)))
