"""How many steps a network takes to forget its initial state."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.nn.chunks import Run, Sequences, States, side_by_side

_WINDOWS = 4  # that are compared at most
_WINDOW = 256  # of a sequence's steps one is a step of a window
_ROUNDING = 4  # units in the last place, by which equal states may differ for ever
_FEWEST = 8  # steps of a window, where there are so many


class Forgetting(NamedTuple):
    """Steps until a difference of states is gone, None if it stays; and the steps of rows that it
    took to see that."""

    steps: int | None
    work: int


@torch.no_grad()
def forgetting(run: Run, given: Sequences, tolerance: float, longest: int) -> Forgetting:
    """Run the same steps from two states and see how fast they come together.

    At two places of the longer sequences, from a usual state and from the initial one, as if there
    were no resets; in windows, and not beyond the one that shows that more than `longest` steps are
    needed.
    """
    given = _longer(given)
    window = max(len(given.x) // _WINDOW, min(_FEWEST, len(given.x) // (_WINDOWS + 1)), 1)
    windows = min(_WINDOWS, len(given.x) // window - 1)
    if windows < 1:
        return Forgetting(None, 0)
    free = len(given.x) - (windows + 1) * window
    places = sorted({free // 3, 2 * free // 3})

    def at(turn: int) -> Sequences:
        starts = [place + turn * window for place in places]
        return side_by_side([given.steps(start, start + window) for start in starts])

    tolerance = max(tolerance, _ROUNDING * torch.finfo(given.x.dtype).eps)
    _, usual = run(at(0), None)
    initial = run.initial(at(0).x)
    rows, work = usual[0].shape[-2], usual[0].shape[-2] * window
    scales = largest(usual)
    before, steps = float(differences(usual, initial, scales).amax()), math.inf
    pair = tuple(torch.cat(both, -2) for both in zip(usual, initial, strict=True))
    for turn in range(1, windows + 1):
        here = at(turn)
        _, pair = run(side_by_side([here, here]), pair)
        work += 2 * rows * window
        one = tuple(each[..., :rows, :] for each in pair)
        other = tuple(each[..., rows:, :] for each in pair)
        now = float(differences(one, other, scales).amax())
        if now <= tolerance:
            return Forgetting(turn * window, work)
        if not now < before:
            return Forgetting(None, work)
        steps = window * (turn + math.log(now / tolerance) / math.log(before / now))
        if turn > 1 and steps > longest:
            break
        before = now
    return Forgetting(math.ceil(steps) if math.isfinite(steps) else None, work)


def _longer(given: Sequences) -> Sequences:
    """Those sequences that have more than half of the steps of the longest, as far as all go."""
    if given.lengths is None:
        return Sequences(given.x)
    index = (2 * given.lengths > given.lengths.max()).nonzero().flatten()
    steps = int(given.lengths[index].min()) if len(index) else 0
    return Sequences(given.x[:steps, index])


def largest(states: States) -> list[Tensor]:
    """The largest absolute value of each."""
    return [each.abs().amax() for each in states]


def differences(a: States, b: States, scales: Sequence[Tensor]) -> Tensor:
    """Of each row the largest difference as a share of the scales, NaN if there is a NaN."""
    shares = [
        (one - other).abs().movedim(-2, 0).flatten(1).amax(1)
        / scale.clamp(min=torch.finfo(one.dtype).tiny)
        for one, other, scale in zip(a, b, scales, strict=True)
    ]
    return torch.stack(shares).amax(0)
