"""The recurrence as its equations read: the oracle that every faster path is held against."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells import Cell
from elman.nn.lengths import mask_of

State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """One direction of one layer: G gates, of which Q are recurrent; I inputs, H hidden units,
    and an output of size P, which is H unless it is projected."""

    ih: Tensor  # (G*H, I)
    hh: Tensor | None  # (Q*H, P)
    bias_ih: Tensor | None  # (G*H,)
    bias_hh: Tensor | None  # (Q*H,)
    hr: Tensor | None  # (P, H), the projection
    norm_ih: Tensor | None  # (G*H,), gain of the layer normalisation of W x
    norm_hh: Tensor | None  # (Q*H,), the same of R h
    params: tuple[Tensor, ...]  # (H,) each, the cell's own parameters


class Extras(NamedTuple):
    """What acts on the recurrence besides the weights; None where nothing does."""

    lengths: Tensor | None = None  # (B,) int64: steps from there on are padding
    resets: Tensor | None = None  # (T, B) bool: the state starts anew before this step
    initial: State | None = None  # what it then starts from, (B, H) each
    zoneout: tuple[Tensor | float | None, ...] | None = None  # (T, B, H) 0/1, or a rate
    h_mask: Tensor | None = None  # (B, P), multiplies h before the recurrent matrix


def product(x: Tensor, weight: Tensor, bias: Tensor | None, gain: Tensor | None) -> Tensor:
    """weight x + bias, the product layer-normalised when it has a gain."""
    if gain is None:
        return F.linear(x, weight, bias)
    return F.layer_norm(F.linear(x, weight), gain.shape, gain, bias)


def kept(new: State, old: State, zoneout: tuple[Tensor | float | None, ...]) -> State:
    """The new state, mixed with the old one by the zoneout of each part."""
    parts = zip(new, old, zoneout, strict=True)
    return tuple(n if z is None else z * o + (1 - z) * n for n, o, z in parts)


def step(
    cell: Cell,
    w: Weights,
    x: Tensor,
    s: State,
    zoneout: tuple[Tensor | float | None, ...] | None = None,
    h_mask: Tensor | None = None,
) -> State:
    """One step: gate inputs `x`, shape (B, G*H), and the old state, (B, H) each, to the new."""
    r: tuple[Tensor, ...] = ()
    if w.hh is not None:
        h = s[0] if h_mask is None else s[0] * h_mask
        r = product(h, w.hh, w.bias_hh, w.norm_hh).chunk(len(cell.recurrent), -1)
    new = cell.advance(x.chunk(len(cell.gates), -1), r, s, w.params)
    if w.hr is not None:
        new = (F.linear(new[0], w.hr), *new[1:])
    return new if zoneout is None else kept(new, s, zoneout)


def run(
    cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras, *, reverse: bool = False
) -> tuple[State, State]:
    """The whole sequence.

    **Arguments:** `x` of shape (T, B, I), `s` of shape (B, H) each.

    **Returns:** every state at every step, (T, B, H) each, and the last state, (B, H) each.
    On padding the state stays as it was.
    """
    gates = product(x, w.ih, w.bias_ih, w.norm_ih)
    mask = None if extras.lengths is None else mask_of(extras.lengths, len(x))
    history: list[State] = [s] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        if extras.resets is not None and extras.initial is not None:
            fresh = extras.resets[t].unsqueeze(-1)
            s = tuple(torch.where(fresh, i, o) for i, o in zip(extras.initial, s, strict=True))
        zoneout = extras.zoneout and tuple(
            z[t] if isinstance(z, Tensor) else z for z in extras.zoneout
        )
        new = step(cell, w, gates[t], s, zoneout, extras.h_mask)
        if mask is not None:
            real = mask[t].unsqueeze(-1)
            new = tuple(torch.where(real, n, o) for n, o in zip(new, s, strict=True))
        history[t] = s = new
    if not history:
        return tuple(o.new_empty(0, *o.shape) for o in s), s
    return tuple(torch.stack(each) for each in zip(*history, strict=True)), s
