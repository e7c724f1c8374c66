"""What the layers call: a recurrence on tensors, cut for this machine's threads."""

import torch
from torch import Tensor

from elman.compiler import autograd
from elman.compiler.cpu import layout
from elman.compiler.cpu.threads import has_team
from elman.compiler.operands import Call, Operands
from elman.compiler.trace import Equations

_LEAST_WORK = 1 << 16  # multiplications for which a second thread pays
_LEAST_SPLIT = 1 << 17  # the same, a step, for which meeting after every step pays


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
    call = plan_call(
        step, operands, lengths=lengths, resets=resets, reverse=reverse, every_state=every_state
    )
    return autograd.run(call, operands)


def plan_call(
    step: Equations,
    operands: Operands,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    every_state: bool = False,
    threads: int | None = None,
) -> Call:
    """Lay the batch out, for as many threads as torch has unless their number is given."""
    steps, batch = operands.x.shape[:2]
    split, groups, count = threads_for(step, operands.hidden(step), steps, batch, threads)
    place = (
        layout.dense(steps, batch, reverse, groups)
        if lengths is None and resets is None
        else layout.ragged(lengths, resets, (steps, batch), reverse, groups)
    )
    return Call(step, place, every_state, split, count)


def threads_for(
    step: Equations, size: int, steps: int, batch: int, count: int | None = None
) -> tuple[bool, int, int]:
    """Whether threads share the hidden units, the number of groups, and of threads."""
    count = torch.get_num_threads() if count is None else count
    in_step = batch * size * (size * len(step.recurrent) + 16 * step.gates)
    if count == 1 or steps * in_step < _LEAST_WORK:
        return False, 1, 1
    small = batch < 4 * count and size >= 64 and in_step >= _LEAST_SPLIT
    if small and step.recurrent and not step.normed and has_team():
        return True, 1, count
    return False, min(count, batch), min(count, batch)
