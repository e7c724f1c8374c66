"""How a recurrent layer is described in a graph: its equations, weights and states."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from elman.cells import BUILTIN
from elman.compiler import UntraceableError, equations
from elman.errors import ExportError
from elman.nn.export_spec import ExportSpec
from elman.nn.graph import Array, Direction, Form, Graph, Value
from elman.nn.graph_ops import apply, concat, cut, real_steps
from elman.nn.state import as_tuple

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent


def declare_states(graph: Graph, layer: "Recurrent", prefix: str = "") -> tuple[Value, ...]:
    """The layer's states as states of the graph: `h`, `c` ... after the prefix."""
    count = layer.num_layers * layer._directions
    found = []
    for number, name in enumerate(layer.cell.state):
        size = layer.hidden_size if number or not layer.proj_size else layer.proj_size
        first = np.zeros((count, 1, size))
        if layer.learn_initial_state:
            rows = [getattr(layer, f"initial_{name}{layer._suffix(at)}") for at in range(count)]
            first = np.stack([_array(row) for row in rows])[:, None]
        found.append(graph.state(prefix + name, first))
    return tuple(found)


def describe(
    graph: Graph,
    layer: "Recurrent",
    x: Value,
    states: tuple[Value, ...] = (),
    lengths: Value | None = None,
) -> tuple[Value, tuple[Value, ...]]:
    """Add a layer of one or more stacked layers; its output and the states after it.

    **Arguments:** `x`: (T, B, I) with `lengths`, also of a layer with `batch_first`, or (B, I) in
    a graph of one step; `states`: (layers * directions, B, .) each, the initial ones if empty.
    """
    if graph.form == "step" and layer.bidirectional:
        raise ExportError(
            "a bidirectional layer has no step form, its backward half needs the future: export"
            " the sequence form, or train with one direction"
        )
    if layer.residual and lengths is not None:
        x = real_steps(graph, x, lengths)
    width, last = layer._directions, []
    for index in range(layer.num_layers):
        of_layer = tuple(cut(graph, s, 0, index * width, (index + 1) * width) for s in states)
        output, *after = _one(graph, layer, index, x, of_layer, lengths)
        last.append(after)
        both = layer.residual and output.shape == x.shape
        x = apply(graph, "add", output, x) if both else output
    return x, tuple(concat(graph, 0, *parts) for parts in zip(*last, strict=True))


def directions(layer: "Recurrent", index: int) -> tuple[Direction, ...]:
    """The directions of one of the stacked layers."""
    numbers = range(index * layer._directions, (index + 1) * layer._directions)
    return tuple(_direction(layer, at, reverse=turn == 1) for turn, at in enumerate(numbers))


def _one(
    graph: Graph,
    layer: "Recurrent",
    index: int,
    x: Value,
    states: tuple[Value, ...],
    lengths: Value | None,
) -> tuple[Value, ...]:
    own = directions(layer, index)
    size = own[0].output_size
    sizes = [size, *(layer.hidden_size,) * (len(layer.cell.state) - 1)]
    shapes = [(len(own), "B", size) for size in sizes]
    if graph.form == "step":
        output = ("B", size)
        return graph.add("recurrent_step", x, *states, shapes=[output, *shapes], direction=own[0])
    assert lengths is not None
    steps = (x.shape[0], "B", len(own) * size)
    return graph.add("recurrent", x, lengths, *states, shapes=[steps, *shapes], directions=own)


def _direction(layer: "Recurrent", at: int, *, reverse: bool) -> Direction:
    weights = layer._weights(at)
    cell = layer.cell
    zoneout = tuple(rate or None for rate in layer.zoneout) if any(layer.zoneout) else ()
    if layer.proj_size and layer.zoneout[0]:
        raise ExportError(
            f"zoneout of {cell.state[0]} with proj_size cannot be exported, as it acts after the"
            " projection: train without one of them"
        )
    try:
        text = str(equations(cell, zoneout, normed=weights.norm_hh is not None))
    except UntraceableError as error:
        raise ExportError(
            f"{type(cell).__name__} cannot be exported: {error}; write its step with operators and"
            " the functions of elman.math"
        ) from None
    initial = None
    if layer.learn_initial_state:
        suffix = layer._suffix(at)
        initial = tuple(_array(getattr(layer, f"initial_{n}{suffix}")) for n in cell.state)
    return Direction(
        equations=text,
        hidden_size=layer.hidden_size,
        weight_ih=_array(weights.ih),
        weight_hh=_optional(weights.hh),
        bias_ih=_optional(weights.bias_ih),
        bias_hh=_optional(weights.bias_hh),
        weight_hr=_optional(weights.hr),
        norm_ih=_optional(weights.norm_ih),
        norm_hh=_optional(weights.norm_hh),
        params=tuple(_array(each) for each in weights.params),
        initial=initial,
        cell=_builtin().get(text, ""),
        reverse=reverse,
    )


@cache
def _builtin() -> dict[str, str]:
    """The names of the built-in cells by their equations."""
    return {str(equations(cell())): name for name, cell in BUILTIN.items()}


def _optional(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else _array(tensor)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().cpu().float().numpy().copy()


def export_spec(layer: "Recurrent") -> ExportSpec:
    """A layer's graphs: `x` (T, B, I), `lengths` and states, or `x` (B, I) and states, to `y` and
    new states. Time is the first axis also of a layer with `batch_first`."""
    graphs, native, refused = {"sequence": _graph(layer, "sequence")}, {}, {}
    native["sequence"] = lambda inputs: _native(layer, inputs)
    try:
        graphs["step"] = _graph(layer, "step")
        native["step"] = lambda inputs: _native_step(layer, inputs)
    except ExportError as error:
        refused["step"] = str(error)
    return ExportSpec(graphs, native, refused)


def _graph(layer: "Recurrent", form: Form) -> Graph:
    graph = Graph(form)
    size = layer.input_size
    if form == "step":
        x, lengths = graph.input("x", ("B", size)), None
    else:
        x = graph.input("x", ("T", "B", size))
        lengths = graph.input("lengths", ("B",), "int64")
    states = declare_states(graph, layer)
    y, after = describe(graph, layer, x, states, lengths)
    graph.output("y", y)
    for before, new in zip(states, after, strict=True):
        graph.update(before, new)
    return graph


def _native(layer: "Recurrent", inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    x = inputs["x"].transpose(0, 1) if layer.batch_first else inputs["x"]
    y, after = layer(x, _states(layer, inputs), lengths=inputs["lengths"])
    return {"y": y.transpose(0, 1) if layer.batch_first else y, **_named(layer, after)}


def _native_step(layer: "Recurrent", inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    y, after = layer.step(inputs["x"], _states(layer, inputs))
    return {"y": y, **_named(layer, after)}


def _states(layer: "Recurrent", inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    return tuple(inputs[name] for name in layer.cell.state)


def _named(layer: "Recurrent", after: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    names = (f"new_{name}" for name in layer.cell.state)
    return dict(zip(names, as_tuple(after), strict=True))
