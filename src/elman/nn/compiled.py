"""The recurrence by kernels compiled from the cell's equations."""

from importlib.util import find_spec

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import Equations, UntraceableError, equations
from elman.nn.fused import inside_transform
from elman.nn.reference import Extras, State, Weights

_DTYPES = (torch.float32, torch.float64)


def lack() -> str | None:
    """What this machine lacks for compiled kernels, None if nothing."""
    return None if find_spec("llvmlite") else "llvmlite is not installed: pip install llvmlite"


def obstacle(cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras) -> str | None:
    """Why no kernel computes this, None if one does."""
    tensors = [x, *s, *w.params, *(e for e in w[:7] if isinstance(e, Tensor))]
    if any(type(t) not in (Tensor, nn.Parameter) for t in tensors):
        return "a tensor is of a class of its own"
    if any(t.device.type != "cpu" for t in tensors):
        return "kernels are for the CPU"
    if x.dtype not in _DTYPES or any(t.dtype != x.dtype for t in tensors):
        return "kernels are for float32 or float64 throughout"
    if w.hr is not None:
        return "proj_size is not compiled"
    if w.norm_ih is not None:
        return "layer_norm is not compiled"
    if x.numel() == 0:
        return "the input is empty"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is not compiled"
    if inside_transform():
        return "torch.func and forward-mode derivatives are not compiled"
    try:
        _equations(cell, extras)
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
    from elman.compiler.operands import Operands

    step = _equations(cell, extras)
    zones = tuple(z for z in extras.zoneout or () if isinstance(z, Tensor))
    initial = extras.initial or ()
    operands = Operands(
        x, w.ih, w.hh, w.bias_ih, w.bias_hh, extras.h_mask, w.params, s, initial, zones
    )
    found = recurrence.run(
        step,
        operands,
        lengths=None if extras.mask is None else extras.mask.sum(0),
        resets=extras.resets,
        reverse=reverse,
        every_state=every_state,
    )
    count = len(cell.state)
    return tuple(found[:-count]), tuple(found[-count:])


def _equations(cell: Cell, extras: Extras) -> Equations:
    zones = tuple("mask" if isinstance(z, Tensor) else z for z in extras.zoneout or ())
    return equations(cell, zones, masked=extras.h_mask is not None)
