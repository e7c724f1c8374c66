"""What the layers call: a recurrence on a GPU's tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.compiler.gpu import autograd
from elman.compiler.gpu.runtime import Call
from elman.compiler.recurrence import Direction
from elman.compiler.trace import Equations


def run(
    step: Equations, directions: Sequence[Direction], *, every_state: bool = False
) -> list[list[Tensor]]:
    """Of each direction sequences of states, (T, B, H) each, and the last states, (B, H) each.

    Of the sequences only the first is returned unless `every_state`; they are 0 on padding.
    """
    return [_run(step, each, every_state) for each in directions]


def _run(step: Equations, direction: Direction, every_state: bool) -> list[Tensor]:
    operands, lengths, resets, reverse = direction
    if lengths is not None and resets is not None:
        times = torch.arange(len(resets), device=resets.device).unsqueeze(1)
        resets = resets & (times < lengths)
    return autograd.run(Call(step, every_state, reverse, lengths, resets), operands)
