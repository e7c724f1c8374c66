"""A recurrence whose h is projected, as one that is not.

With h = P m, where m is what the equations give, the recurrent product R h is (R P) m: the kernels
run on m with the matrix R P, whose gradient is that of R and of P. Only the h before the first step
is of no m; its product is added to the gate inputs of the steps that follow it.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler import Equations
from elman.compiler.operands import Operands
from elman.compiler.schedule import plan
from elman.nn.lengths import mask_of
from elman.nn.reference import Extras, State, Weights

_LARGE = 1 << 23  # multiplications in a step


class Direction(NamedTuple):
    """One direction of a layer and what it runs on."""

    w: Weights
    x: Tensor
    s: State
    extras: Extras
    reverse: bool


def obstacle(w: Weights, extras: Extras, *, in_graph: bool) -> str | None:
    """Why a layer with a projection cannot be run so, None if it can."""
    if in_graph:
        return "proj_size is not compiled within torch.compile"
    if w.ih.is_cuda:
        return "proj_size is not compiled on a GPU"
    if w.norm_hh is not None or w.norm_ih is not None:
        return "proj_size is not compiled with layer_norm"
    if extras.h_mask is not None or extras.zoneout is not None:
        return "proj_size is not compiled with recurrent_dropout or zoneout"
    return None


def pays(w: Weights, x: Tensor) -> bool:
    """Whether running it so takes less time than step by step: the matrix R P is larger than R and
    P, which costs more than it saves where much is multiplied and nothing differentiated."""
    assert w.hh is not None
    assert w.hr is not None
    projected, hidden = w.hr.shape
    large = x.shape[1] * len(w.hh) * hidden >= _LARGE and hidden > 2 * projected
    return torch.is_grad_enabled() or not large


def is_foldable(step: Equations) -> bool:
    """Whether the products of a gate with x and with h are used as their sum alone."""
    return plan(step).folded


def operands(w: Weights, x: Tensor, s: State, extras: Extras, *, reverse: bool) -> Operands:
    """What the recurrence of m is given; gate inputs in the place of x where an h comes before."""
    assert w.hr is not None
    assert w.hh is not None
    none = x.new_zeros(len(s[0]), w.hr.shape[1])
    ih: Tensor | None = w.ih
    bias, recurrent_bias = w.bias_ih, w.bias_hh
    added = _products_of_given(w.hh, len(x), s, extras, reverse=reverse)
    if added is not None:
        if extras.lengths is not None:
            x = x.masked_fill(~mask_of(extras.lengths, x.shape[0]).unsqueeze(-1), 0)
        x = F.linear(x, w.ih, bias) + added
        x = x if recurrent_bias is None else x + recurrent_bias
        ih = bias = recurrent_bias = None
    initial = () if extras.initial is None else (none, *extras.initial[1:])
    rest = (bias, recurrent_bias, None, None, w.params, (none, *s[1:]), initial, ())
    return Operands(x, ih, w.hh @ w.hr, *rest)


def _products_of_given(
    hh: Tensor, steps: int, s: State, extras: Extras, *, reverse: bool
) -> Tensor | None:
    """R h, (T, B, Q*H), of the h that are not of the recurrence itself, at the steps after them."""
    resets, lengths, initial = extras.resets, extras.lengths, extras.initial
    parts = []
    if not _is_zero(s[0]):
        first: Tensor | int = 0
        if reverse:
            first = steps - 1 if lengths is None else lengths - 1
        follows = (torch.arange(steps).unsqueeze(1) == first).expand(steps, len(s[0]))
        parts.append((follows if resets is None else follows & ~resets, s[0]))
    if resets is not None and initial is not None and not _is_zero(initial[0]):
        parts.append((resets, initial[0]))
    products = [follows.unsqueeze(-1) * F.linear(h, hh) for follows, h in parts]
    return sum(products[1:], products[0]) if products else None


def projected(found: tuple[State, State], direction: Direction) -> tuple[State, State]:
    """The sequences and last states of h from those of m."""
    (sequence, *others), (last, *rest) = found
    hr, lengths = direction.w.hr, direction.extras.lengths
    assert hr is not None
    h = F.linear(last, hr)
    if lengths is not None:  # an empty sequence keeps its state
        h = torch.where((lengths == 0).unsqueeze(-1), direction.s[0], h)
    return (F.linear(sequence, hr), *others), (h, *rest)


def _is_zero(state: Tensor) -> bool:
    return not state.requires_grad and not bool(state.any())
