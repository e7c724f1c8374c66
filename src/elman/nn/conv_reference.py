"""The recurrence over feature maps as its equations read: the oracle of every faster path.

As `elman.nn.reference`, with convolutions in place of matrices. In `Weights` the matrices are
kernels, (G*C, I, rows, columns) and (Q*C, C, rows, columns), and a cell's own parameters are (C,),
or (C, H, W) with a value at each place.
"""

import torch
from torch import Tensor

from elman.cells import Cell
from elman.nn.conv_geometry import Products
from elman.nn.lengths import mask_of
from elman.nn.reference import Extras, State, Weights, kept


def step(
    cell: Cell,
    w: Weights,
    products: Products,
    x: Tensor,
    s: State,
    zoneout: tuple[Tensor | float | None, ...] | None = None,
    h_mask: Tensor | None = None,
) -> State:
    """One step: gate inputs `x`, shape (B, G*C, H, W), and the old state, (B, C, H, W) each."""
    r: tuple[Tensor, ...] = ()
    if w.hh is not None:
        h = s[0] if h_mask is None else s[0] * h_mask
        r = products.hh(h, w.hh, w.bias_hh, w.norm_hh).chunk(len(cell.recurrent), 1)
    new = cell.advance(x.chunk(len(cell.gates), 1), r, s, tuple(map(as_map, w.params)))
    return new if zoneout is None else kept(new, s, zoneout)


def run(
    cell: Cell,
    w: Weights,
    products: Products,
    x: Tensor,
    s: State,
    extras: Extras,
    *,
    reverse: bool = False,
) -> tuple[State, State]:
    """The whole sequence.

    **Arguments:** `x` of shape (T, B, I, H, W), `s` of shape (B, C, H, W) each.

    **Returns:** every state at every step, (T, B, C, H, W) each, and the last state, (B, C, H, W)
    each. On padding the state stays as it was.
    """
    gates = products.ih(x.flatten(0, 1), w.ih, w.bias_ih, w.norm_ih)
    gates = gates.view(*x.shape[:2], *gates.shape[1:])
    mask = None if extras.lengths is None else mask_of(extras.lengths, len(x))
    history: list[State] = [s] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        if extras.resets is not None and extras.initial is not None:
            fresh = of_sequences(extras.resets[t])
            s = tuple(torch.where(fresh, i, o) for i, o in zip(extras.initial, s, strict=True))
        zoneout = extras.zoneout and tuple(
            z[t] if isinstance(z, Tensor) else z for z in extras.zoneout
        )
        new = step(cell, w, products, gates[t], s, zoneout, extras.h_mask)
        if mask is not None:
            real = of_sequences(mask[t])
            new = tuple(torch.where(real, n, o) for n, o in zip(new, s, strict=True))
        history[t] = s = new
    if not history:
        return tuple(o.new_empty(0, *o.shape) for o in s), s
    return tuple(torch.stack(each) for each in zip(*history, strict=True)), s


def as_map(parameter: Tensor) -> Tensor:
    """A parameter of the channels, (C,), or of each place, (C, H, W), beside maps."""
    return parameter.view(-1, 1, 1) if parameter.dim() == 1 else parameter


def of_sequences(flags: Tensor) -> Tensor:
    """Flags (..., B) beside maps (..., B, C, H, W)."""
    return flags.view(*flags.shape, 1, 1, 1)


def without_padding(history: State, lengths: Tensor | None) -> State:
    """States at every step, (T, B, C, H, W) each, set to 0 on padding."""
    if lengths is None:
        return history
    padding = ~of_sequences(mask_of(lengths, len(history[0])))
    return tuple(each.masked_fill(padding, 0) for each in history)
