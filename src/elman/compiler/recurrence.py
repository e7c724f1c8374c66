"""What the layers call: a recurrence on tensors, cut for this machine's threads."""

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.compiler import autograd
from elman.compiler.cpu import layout, threads
from elman.compiler.cpu.layout import Layout
from elman.compiler.operands import Call, Operands
from elman.compiler.trace import Equations

_LEAST_WORK = 1 << 16  # multiplications for which a second thread pays
_LEAST_SPLIT = 1 << 14  # the same, a step, for which meeting after every step pays


def run(
    step: Equations,
    operands: Operands,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    every_state: bool = False,
) -> list[Tensor]:
    """Sequences of states, (T, B, H) each, and the last states, (B, H) each.

    **Arguments:** `lengths` (B,) int64, `resets` (T, B) bool. Of the sequences only the first is
    returned unless `every_state`; they are 0 on padding.
    """
    steps, batch = operands.x.shape[:2]
    split, groups, count = _threads(step, operands.x, operands.ih)
    place: Layout = (
        layout.dense(steps, batch, reverse, groups)
        if lengths is None and resets is None
        else layout.ragged(lengths, resets, (steps, batch), reverse, groups)
    )
    return autograd.run(Call(step, place, every_state, split, count), operands)


def dense_call(
    step: Equations, flat: Sequence[Tensor | None], *, reverse: bool
) -> tuple[Call, Operands]:
    """The call on operands in one list, without lengths, resets or masks."""
    states = len(flat) - 6 - step.params
    assert states == step.states
    x, ih = flat[:2]
    assert x is not None
    assert ih is not None
    steps, batch = x.shape[:2]
    split, groups, count = _threads(step, x, ih)
    place = layout.dense(steps, batch, reverse, groups)
    call = Call(step, place, False, split, count)
    return call, call.operands(flat)


def _threads(step: Equations, x: Tensor, ih: Tensor) -> tuple[bool, int, int]:
    """Whether threads share the hidden units, the number of groups, and of threads."""
    count = torch.get_num_threads()
    steps, batch = x.shape[:2]
    size = len(ih) // step.gates
    in_step = batch * size * (size * len(step.recurrent) + 16 * step.gates)
    if count == 1 or steps * in_step < _LEAST_WORK:
        return False, 1, 1
    small = batch < 4 * count and size >= 64 and steps > 1 and in_step >= _LEAST_SPLIT
    if small and step.recurrent and threads.has_team():
        return True, 1, count
    return False, min(count, batch), min(count, batch)
