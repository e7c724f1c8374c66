"""The recurrence over feature maps by compiled pointwise steps between torch's convolutions."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import Equations, UntraceableError, equations
from elman.compiler.cpu.conv_recurrence import Maps, Tape, as_rows, backward, forward
from elman.compiler.cpu.convolution import Geometry
from elman.compiler.cpu.layout import dense, ragged
from elman.compiler.differentiable import Flat, differentiable, not_a_view
from elman.compiler.operands import Call, Operands, operands_of
from elman.nn import conv_reference
from elman.nn.conv_geometry import Products
from elman.nn.precision import has_autocast
from elman.nn.reference import Extras, State, Weights
from elman.nn.torch_kernels import inside_transform


def obstacle(cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras) -> str | None:
    """Why the steps are not compiled, None if they are."""
    if inside_transform():
        return "torch.func and forward-mode derivatives are not compiled"
    if not x.is_cpu:
        return "the steps of convolutional layers are compiled for CPUs"
    if x.dtype not in (torch.float32, torch.float64) or has_autocast(x):
        return (
            f"the steps of convolutional layers are compiled for float32 and float64, not {x.dtype}"
        )
    for tensor in (x, *s, *w[:7], *w.params):
        if tensor is not None and type(tensor) not in (Tensor, nn.Parameter):
            return "a tensor is of a class of its own"
        if tensor is not None and (tensor.dtype != x.dtype or tensor.device != x.device):
            return "tensors are of several types or on several devices"
    if w.norm_ih is not None:
        return "normalised products are not compiled"
    if x.numel() == 0:
        return "the input is empty"
    try:
        _equations(cell, extras)
    except UntraceableError as error:
        return str(error)
    return None


class _Run(NamedTuple):
    """The arguments of one direction besides its tensors."""

    cell: Cell
    products: Products
    extras: Extras  # lengths and resets
    rates: tuple[float | str | None, ...]  # of each state's zoneout, "mask" if that is a tensor
    reverse: bool
    every_state: bool
    call: Call


def run(
    cell: Cell,
    w: Weights,
    products: Products,
    x: Tensor,
    s: State,
    extras: Extras,
    *,
    reverse: bool = False,
    every_state: bool = False,
) -> tuple[State, State]:
    """As `conv_reference.run`, but 0 on padding, and of the states at every step only the first
    unless `every_state`."""
    step = _equations(cell, extras)
    shape, lengths, resets = (len(x), x.shape[1]), extras.lengths, extras.resets
    place = (
        dense(*shape, reverse, 1)
        if lengths is None and resets is None
        else ragged(lengths, resets, shape, reverse, 1)
    )
    call = Call(step, place, every_state, False, torch.get_num_threads())
    rates = tuple("mask" if isinstance(z, Tensor) else z for z in extras.zoneout or ())
    told = Extras(lengths, resets)
    how = _Run(cell, products, told, rates, reverse, every_state, call)
    zones = tuple(z for z in extras.zoneout or () if isinstance(z, Tensor))
    rest = (w.bias_ih, w.bias_hh, extras.h_mask, None, w.params, s, extras.initial or (), zones)
    flat = Operands(x, w.ih, w.hh, *rest).flat()
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in flat):
        found = _Recurrence.apply(how, *flat)  # type: ignore[no-untyped-call]
    else:
        found, _ = _forward(how, flat, saving=False)
    return tuple(found[: -len(s)]), tuple(found[-len(s) :])


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, how: _Run, *flat: Tensor | None) -> tuple[Tensor, ...]:
        results, ctx.tape = _forward(how, flat, saving=True)
        results = [not_a_view(each) for each in results]
        ctx.how, ctx.inputs = how, len(flat)
        # The results stand here so that autograd sees when they are modified in place.
        ctx.save_for_backward(*flat, *results)
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        how, flat = ctx.how, ctx.saved_tensors[: ctx.inputs]
        if all(g is None for g in gradients):
            return (None,) * (1 + len(flat))
        if torch.is_grad_enabled():
            return None, *differentiable(partial(_evaluate, how), flat, gradients)
        if ctx.tape.gates is None:  # a backward pass before has used it up
            _, ctx.tape = _forward(how, flat, saving=True)
        maps, rows = _rows(how, flat)
        given = [None if g is None else as_rows(g) for g in gradients]
        wanted = ctx.needs_input_grad[1:]
        found = backward(how.call, maps, rows, ctx.tape, given, wanted)
        return None, *(_like(g, t, maps) for g, t in zip(found, flat, strict=True))


def _forward(how: _Run, flat: Flat, *, saving: bool) -> tuple[list[Tensor], Tape]:
    maps, rows = _rows(how, flat)
    results, tape = forward(how.call, maps, rows, saving=saving)
    size = (maps.height, maps.width, maps.channels)
    return [each.view(*each.shape[:-1], *size).movedim(-1, -3) for each in results], tape


def _rows(how: _Run, flat: Flat) -> tuple[Maps, Operands]:
    """The geometry, and the operands as the kernels take them."""
    o = operands_of(how.call.step, flat)
    assert o.ih is not None
    height, width = o.state[0].shape[2:]
    kernels = [
        Geometry(product.stride, product.padding(weight), product.dilation)
        for product, weight in zip(
            how.products, (o.ih, o.ih if o.hh is None else o.hh), strict=True
        )
    ]
    maps = Maps(height, width, o.state[0].shape[1], *kernels)
    params = tuple(
        p.view(1, -1) if p.dim() == 1 else as_rows(p).view(-1, maps.channels) for p in o.params
    )
    mask = None if o.h_mask is None else as_rows(o.h_mask)
    state, initial, zones = (tuple(map(as_rows, part)) for part in (o.state, o.initial, o.zones))
    rest = (None, params, state, initial, zones)
    return maps, Operands(o.x, o.ih, o.hh, o.bias_ih, o.bias_hh, mask, *rest)


def _like(gradient: Tensor | None, tensor: Tensor | None, maps: Maps) -> Tensor | None:
    """A gradient of rows in the form of the maps that it belongs to."""
    if gradient is None or tensor is None or gradient.shape == tensor.shape:
        return gradient
    if tensor.dim() == 1:
        return gradient.view(-1)
    size = (maps.height, maps.width, maps.channels)
    return gradient.reshape(*tensor.shape[:-3], *size).movedim(-1, -3)


def _evaluate(how: _Run, flat: Flat) -> Sequence[Tensor]:
    """The same results by torch's operations."""
    o = operands_of(how.call.step, flat)
    assert o.ih is not None
    zones = iter(o.zones)
    zoneout = tuple(next(zones) if isinstance(r, str) else r for r in how.rates) or None
    w = Weights(o.ih, o.hh, o.bias_ih, o.bias_hh, None, None, None, o.params)
    extras = how.extras._replace(initial=o.initial or None, zoneout=zoneout, h_mask=o.h_mask)
    given = (how.cell, w, how.products, o.x, o.state, extras)
    history, last = conv_reference.run(*given, reverse=how.reverse)
    history = conv_reference.without_padding(history, extras.lengths)
    return [*(history if how.every_state else history[:1]), *last]


def _equations(cell: Cell, extras: Extras) -> Equations:
    zones = tuple("mask" if isinstance(z, Tensor) else z for z in extras.zoneout or ())
    return equations(cell, zones, masked=extras.h_mask is not None)
