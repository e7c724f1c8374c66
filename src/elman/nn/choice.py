"""Which way of computing the recurrence a layer takes."""

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from elman.cells import Cell
from elman.nn import compiled, projection, torch_kernels
from elman.nn.backends import warn_once
from elman.nn.recording import in_graph, recorded
from elman.nn.reference import Extras, State, Weights

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent


class Traced(NamedTuple):
    """A layer's equations as text, without and with training, for torch.compile; and the settings
    that they were made from."""

    settings: tuple[Any, ...]
    texts: dict[bool, str | None]


def trace_equations(layer: "Recurrent") -> Traced:
    """The equations of a step as they are now."""
    masked, normed = bool(layer.recurrent_dropout), layer.layer_norm
    normed = normed and bool(layer.cell.recurrent)
    texts = compiled.texts_of(layer.cell, layer.zoneout, masked=masked, normed=normed)
    return Traced(_settings(layer), texts)


def choose(
    layer: "Recurrent", w: Weights, x: Tensor, s: State, extras: Extras, *, every_state: bool
) -> str:
    """The name of it: reference, torch or compiled."""
    if layer.backend == "reference":
        return "reference"
    applies = torch_kernels.applies(layer.cell, w, x, extras, every_state=every_state)
    if recorded():
        if layer.backend == "compiled":
            warn_once("a compiled kernel cannot be traced: torch's operations run instead")
        return "torch" if applies else unrolled(layer.cell, len(x))
    auto = layer.backend == "auto"
    if applies and auto and torch_kernels.is_fastest(layer.cell, x, x.shape[0], extras):
        return "torch"
    if layer._compiles:
        obstacle = compiled.obstacle(layer.cell, w, x, s, extras)
        if in_graph() and (
            layer._traced.texts[layer.training] is None
            or layer._traced.settings != _settings(layer)
        ):
            obstacle = "equations that change are not compiled within torch.compile"
        if obstacle is None and auto and w.hr is not None and not projection.pays(w, x):
            return "reference"
        if obstacle is None:
            return "compiled"
        if not auto:
            warn_once(f"{type(layer.cell).__name__} runs on the reference: {obstacle}")
            return "reference"
    return "torch" if applies and auto else "reference"


def _settings(layer: "Recurrent") -> tuple[Any, ...]:
    """What the equations of a step depend on."""
    masked = "h" if layer.recurrent_dropout else ""  # torch.compile cannot compare bool(float)
    return dict(layer.cell.__dict__), layer.zoneout, masked, layer.layer_norm


def unrolled(cell: Cell, steps: int) -> str:
    """The reference, with a warning where a trace fixes the number of steps."""
    if torch._C._is_tracing():
        message = (
            f"{type(cell).__name__} is traced step by step: the trace computes sequences of"
            f" {int(steps)} steps and no others"
        )
        warnings.warn(message, UserWarning, stacklevel=2)
    return "reference"
