"""The recurrence by kernels compiled from the cell's equations."""

from importlib.util import find_spec

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import Equations, UntraceableError, equations, operators
from elman.compiler.operands import Operands
from elman.nn.fused import inside_transform
from elman.nn.reference import Extras, State, Weights, product

_DTYPES = (torch.float32, torch.float64)


def lack() -> str | None:
    """What this machine lacks for compiled kernels, None if nothing."""
    return None if find_spec("llvmlite") else "llvmlite is not installed: pip install llvmlite"


def obstacle(cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras) -> str | None:
    """Why no kernel computes this, None if one does."""
    tensors = [x, *s, *w.params, *(e for e in w[:7] if isinstance(e, Tensor))]
    in_graph = torch.compiler.is_compiling()
    if not in_graph and any(type(t) not in (Tensor, nn.Parameter) for t in tensors):
        return "a tensor is of a class of its own"
    if any(t.device.type != "cpu" for t in tensors):
        return "kernels are for the CPU"
    if x.dtype not in _DTYPES or any(t.dtype != x.dtype for t in tensors):
        return "kernels are for float32 or float64 throughout"
    if w.hr is not None:
        return "proj_size is not compiled"
    if x.numel() == 0:
        return "the input is empty"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is not compiled"
    if in_graph:
        return None
    if inside_transform():
        return "torch.func and forward-mode derivatives are not compiled"
    try:
        _equations(cell, w, extras)
    except UntraceableError as error:
        return str(error)
    return None


def run(
    cell: Cell,
    w: Weights,
    x: Tensor,
    s: State,
    extras: Extras,
    *,
    reverse: bool = False,
    every_state: bool = False,
) -> tuple[State, State]:
    """As `reference.run`, but 0 on padding, and of the states at every step only the first
    unless `every_state`."""
    from elman.compiler import recurrence

    step = _equations(cell, w, extras)
    operands = _operands(w, x, s, extras)
    found = recurrence.run(
        step,
        operands,
        lengths=extras.lengths,
        resets=extras.resets,
        reverse=reverse,
        every_state=every_state,
    )
    return _halves(found, len(cell.state))


def run_in_graph(
    text: str,
    w: Weights,
    x: Tensor,
    s: State,
    extras: Extras,
    *,
    reverse: bool = False,
    every_state: bool = False,
) -> tuple[State, State]:
    """As `run`, by an operator that torch.compile keeps whole; `text` from `text_of`."""
    found = operators.run(
        _operands(w, x, s, extras).flat(),
        text,
        len(s),
        lengths=extras.lengths,
        resets=extras.resets,
        reverse=reverse,
        every_state=every_state,
    )
    return _halves(found, len(s))


def _halves(found: list[Tensor], states: int) -> tuple[State, State]:
    return tuple(found[:-states]), tuple(found[-states:])


def _operands(w: Weights, x: Tensor, s: State, extras: Extras) -> Operands:
    ih: Tensor | None = w.ih
    bias = w.bias_ih
    if w.norm_ih is not None:  # of all steps at once, before the recurrence
        x, ih, bias = product(x, w.ih, w.bias_ih, w.norm_ih), None, None
    zones = tuple(z for z in extras.zoneout or () if isinstance(z, Tensor))
    initial = extras.initial or ()
    rest = (bias, w.bias_hh, extras.h_mask, w.norm_hh, w.params, s, initial, zones)
    return Operands(x, ih, w.hh, *rest)


def texts_of(
    cell: Cell, zoneout: tuple[float, ...], *, masked: bool, normed: bool
) -> dict[bool, str | None]:
    """The equations as text, with and without training, None if they cannot be traced."""
    asked = any(zoneout)
    masks = tuple("mask" if rate else None for rate in zoneout) if asked else ()
    rates = tuple(rate or None for rate in zoneout) if asked else ()
    masked = masked and bool(cell.recurrent)
    try:
        return {
            True: str(equations(cell, masks, masked=masked, normed=normed)),
            False: str(equations(cell, rates, normed=normed)),
        }
    except UntraceableError:
        return {True: None, False: None}


def _equations(cell: Cell, w: Weights, extras: Extras) -> Equations:
    zones = tuple("mask" if isinstance(z, Tensor) else z for z in extras.zoneout or ())
    return equations(cell, zones, masked=extras.h_mask is not None, normed=w.norm_hh is not None)
