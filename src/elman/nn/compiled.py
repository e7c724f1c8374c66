"""The recurrence by kernels compiled from the cell's equations."""

import ctypes
import operator
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import Equations, UntraceableError, equations, operators
from elman.nn.fused import inside_transform
from elman.nn.reference import Extras, State, Weights

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
    if w.norm_ih is not None:
        return "layer_norm is not compiled"
    if x.numel() == 0:
        return "the input is empty"
    if torch.is_autocast_enabled("cpu"):
        return "autocast is not compiled"
    if in_graph:
        plain = all(extra is None for extra in extras)
        return None if plain else "masks, lengths and resets are not compiled within torch.compile"
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


class Steps:
    """A layer's single steps, kept from call to call while its weights stay the same."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def __call__(
        self,
        cell: Cell,
        own: dict[str, Any],
        weights: Callable[[int], Weights],
        x: Tensor,
        s: State,
    ) -> tuple[Tensor, State] | None:
        """One step of all layers without gradients; None where no kernel can do it.

        **Arguments:** `own` the module's parameters by name, `weights(at)` those of layer `at`;
        `x` (B, I) and states (layers, B, H).
        """
        kept = self._kept.get(len(x))
        if kept is None or not kept.fits(cell, own):
            kept = _keep(cell, own, weights, x, s)
            if kept is None:
                return None
            if len(self._kept) > 8:
                self._kept.clear()
            self._kept[len(x)] = kept
        if (
            any(type(each) is not Tensor or each.dtype is not kept.dtype for each in (x, *s))
            or torch.is_autocast_enabled("cpu")
            or inside_transform()
        ):
            return None
        new = []
        for at, step in enumerate(kept.steps):
            x, states = step(x, [each[at] for each in s])
            new.append(states)
        if len(new) == 1:
            return x, tuple(new[0])
        return x, tuple(torch.cat(each) for each in zip(*new, strict=True))

    def __deepcopy__(self, memo: Any) -> "Steps":
        return Steps()

    def __reduce__(self) -> tuple[type["Steps"], tuple[()]]:
        return Steps, ()


class _Kept(NamedTuple):
    dtype: torch.dtype
    settings: dict[str, Any]  # of the cell
    weights: list[Tensor]  # held, so that no other one comes to lie at their addresses
    stamps: list[tuple[int, int]]
    probes: list[ctypes.c_int32]  # some of the weights' memory: `.data` hides changes from versions
    seen: list[int]
    steps: list[Any]

    def fits(self, cell: Cell, own: dict[str, Any]) -> bool:
        """Whether neither the cell nor a weight has changed, be it in place."""
        return (
            all(map(operator.is_, self.weights, own.values()))
            and [(w._version, w.data_ptr()) for w in self.weights] == self.stamps
            and [probe.value for probe in self.probes] == self.seen
            and self.settings == cell.__dict__
        )


def _keep(
    cell: Cell, own: dict[str, Any], weights: Callable[[int], Weights], x: Tensor, s: State
) -> _Kept | None:
    from elman.compiler.cpu.single import Single
    from elman.compiler.operands import Operands

    if any(each.is_inference() for each in own.values()):
        return None  # such a tensor does not tell when it is changed
    steps = []
    for at in range(len(s[0])):
        w, state = weights(at), tuple(each[at] for each in s)
        if obstacle(cell, w, x, state, Extras()) is not None:
            return None
        hh, params = w.hh, w.params
        o = Operands(x, w.ih, hh, w.bias_ih, w.bias_hh, None, params, state, (), ())
        steps.append(Single(equations(cell), o))
        x = state[0]
    held = list(own.values())
    stamps = [(each._version, each.data_ptr()) for each in held]
    probes = [probe for each in held for probe in _probes(each)]
    seen = [probe.value for probe in probes]
    return _Kept(x.dtype, dict(cell.__dict__), held, stamps, probes, seen, steps)


def _probes(weight: Tensor) -> list[ctypes.c_int32]:
    if not weight.is_contiguous():
        return []
    size, start = weight.element_size(), weight.data_ptr()
    places = {weight.numel() * part // 8 for part in range(8)} if weight.numel() else set()
    return [ctypes.c_int32.from_address(start + size * (place + 1) - 4) for place in places]


def run_in_graph(
    text: str, w: Weights, x: Tensor, s: State, *, reverse: bool = False
) -> tuple[State, State]:
    """As `run`, by an operator that torch.compile keeps whole; `text` from `text_of`."""
    flat = [x, w.ih, w.hh, w.bias_ih, w.bias_hh, None, *w.params, *s]
    output, last = operators.run(flat, text, len(s), reverse=reverse)
    return (output,), tuple(last)


def text_of(cell: Cell) -> str | None:
    """The cell's equations as text, None if they cannot be traced."""
    try:
        return str(equations(cell))
    except UntraceableError:
        return None


def _equations(cell: Cell, extras: Extras) -> Equations:
    zones = tuple("mask" if isinstance(z, Tensor) else z for z in extras.zoneout or ())
    return equations(cell, zones, masked=extras.h_mask is not None)
