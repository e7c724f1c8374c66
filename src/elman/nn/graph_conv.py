"""How one step of a convolutional recurrent layer is described in a graph."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from elman.compiler import UntraceableError, equations
from elman.compiler.expression import Node, order, read
from elman.errors import ExportError
from elman.nn import graph_ops as ops
from elman.nn.conv_geometry import Pair, Product
from elman.nn.graph import Graph, Value

if TYPE_CHECKING:
    from elman.nn.conv_recurrent import ConvRecurrent


def declare_states(graph: Graph, layer: "ConvRecurrent", size: Pair) -> tuple[Value, ...]:
    """The layer's states over inputs of so many rows and columns, (layers, B, C, H', W') each."""
    x = next(layer.parameters()).new_zeros(1, 1, layer.in_channels, *size)
    count = layer.num_layers * layer._directions
    rows = []
    for at in range(count):
        rows.append(layer._initial(at, x))
        x = x.new_zeros(1, 1, layer.hidden_channels, *rows[-1][0].shape[2:])
    firsts = (torch.stack(parts).detach().cpu().numpy() for parts in zip(*rows, strict=True))
    return tuple(graph.state(n, first) for n, first in zip(layer.cell.state, firsts, strict=True))


def describe(
    graph: Graph, layer: "ConvRecurrent", x: Value, states: tuple[Value, ...]
) -> tuple[Value, tuple[Value, ...]]:
    """Add one step of stacked layers: x (B, I, H, W) to the output and the new states."""
    if graph.form == "sequence" or layer.bidirectional:
        raise ExportError(
            "convolutional layers are exported step by step, in one direction: export the step"
        )
    after = []
    for index in range(layer.num_layers):
        own = [_without_first(graph, ops.cut(graph, s, 0, index, index + 1)) for s in states]
        new = _step(graph, layer, index, x, own)
        after.append([ops.reshape(graph, each, 1, *each.shape) for each in new])
        both = layer.residual and new[0].shape == x.shape
        x = ops.apply(graph, "add", new[0], x) if both else new[0]
    return x, tuple(ops.concat(graph, 0, *parts) for parts in zip(*after, strict=True))


def _step(
    graph: Graph, layer: "ConvRecurrent", index: int, x: Value, states: list[Value]
) -> list[Value]:
    w, products = layer._weights(index), layer._products(index)
    zoneout = tuple(rate or None for rate in layer.zoneout) if any(layer.zoneout) else ()
    try:
        step = equations(layer.cell, zoneout)
    except UntraceableError as error:
        raise ExportError(f"{type(layer.cell).__name__} cannot be exported: {error}") from None
    inputs = {read("s", i): each for i, each in enumerate(states)}
    gates = _product(graph, products.ih, x, w.ih, w.bias_ih, w.norm_ih)
    inputs |= _chunks(graph, "x", gates, step.gates)
    if w.hh is not None:
        found = _product(graph, products.hh, states[0], w.hh, w.bias_hh, w.norm_hh)
        inputs |= _chunks(graph, "r", found, len(step.recurrent))
    for i, each in enumerate(w.params):
        inputs[read("p", i)] = ops.weight(
            graph, "parameter", each.view(-1, 1, 1) if each.dim() == 1 else each
        )
    return _evaluate(graph, step.new, inputs)


def _product(
    graph: Graph,
    product: Product,
    x: Value,
    kernel: Tensor,
    bias: Tensor | None,
    gain: Tensor | None,
) -> Value:
    size = product.size(*map(int, x.shape[2:]))
    terms = [ops.weight(graph, "kernel", kernel)]
    if bias is not None and gain is None:
        terms.append(ops.weight(graph, "bias", bias))
    (found,) = graph.add(
        "conv",
        x,
        *terms,
        shapes=[(x.shape[0], len(kernel), *size)],
        stride=product.stride,
        padding=product.padding(kernel),
        dilation=product.dilation,
        groups=1,
    )
    return found if gain is None else ops.group_norm(graph, found, product.groups, gain, bias)


def _chunks(graph: Graph, kind: str, x: Value, count: int) -> dict[Node, Value]:
    size = int(x.shape[1]) // count
    return {read(kind, i): ops.cut(graph, x, 1, i * size, (i + 1) * size) for i in range(count)}


def _evaluate(graph: Graph, outputs: tuple[Node, ...], inputs: Mapping[Node, Value]) -> list[Value]:
    """A cell's equations, operation by operation."""
    values: dict[Node, Value | float] = dict(inputs)
    for node in order(outputs, inputs):
        if node not in values:
            is_number = node.op == "const"
            values[node] = (
                float(node.leaf)  # type: ignore[arg-type]
                if is_number
                else ops.apply(graph, node.op, *(values[arg] for arg in node.args))
            )
    like = next(iter(inputs.values()))
    found = (values[each] for each in outputs)
    return [
        each
        if isinstance(each, Value) and each.shape == like.shape
        else ops.apply(graph, "add", ops.apply(graph, "mul", like, 0.0), each)
        for each in found
    ]


def _without_first(graph: Graph, x: Value) -> Value:
    return ops.reshape(graph, x, *x.shape[1:])
