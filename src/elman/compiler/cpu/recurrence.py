"""What the layers call: a recurrence on tensors, cut for this machine's threads."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.compiler.cpu import autograd, layout
from elman.compiler.cpu.threads import has_team
from elman.compiler.operands import Call, Operands
from elman.compiler.trace import Equations

_LEAST_WORK = 1 << 16  # multiplications for which a second thread pays
_LEAST_SPLIT = 1 << 17  # the same, a step, for which meeting after every step pays


class Direction(NamedTuple):
    """One direction's part: `lengths` (B,) int64, `resets` (T, B) bool."""

    operands: Operands
    lengths: Tensor | None = None
    resets: Tensor | None = None
    reverse: bool = False


def run(
    step: Equations,
    directions: Sequence[Direction],
    *,
    every_state: bool = False,
    half: bool = False,
) -> list[list[Tensor]]:
    """Of each direction sequences of states, (T, B, H) each, and the last states, (B, H) each.

    Of the sequences only the first is returned unless `every_state`; they are 0 on padding. Two
    directions are run side by side, each by half of the threads.
    """
    count = torch.get_num_threads()
    side_by_side = len(directions) == 2 and count > 1
    count = count // 2 if side_by_side else count
    calls = [
        plan_call(step, *each, every_state=every_state, threads=count, half=half)
        for each in directions
    ]
    operands = [each.operands for each in directions]
    if side_by_side or len(directions) == 1:
        return autograd.run(calls, operands)
    return [autograd.run([c], [o])[0] for c, o in zip(calls, operands, strict=True)]


def plan_call(
    step: Equations,
    operands: Operands,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    *,
    every_state: bool = False,
    threads: int | None = None,
    half: bool = False,
) -> Call:
    """Lay the batch out, for as many threads as torch has unless their number is given."""
    steps, batch = operands.x.shape[:2]
    split, groups, count = threads_for(step, operands.hidden(step), steps, batch, threads)
    place = (
        layout.dense(steps, batch, reverse, groups)
        if lengths is None and resets is None
        else layout.ragged(lengths, resets, (steps, batch), reverse, groups)
    )
    return Call(step, place, every_state, split, count, half)


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
