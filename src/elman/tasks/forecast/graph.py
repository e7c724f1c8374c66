"""How the network of a direct forecast is described in a graph to export."""

from typing import TYPE_CHECKING, Any

import numpy as np

from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe

if TYPE_CHECKING:
    from elman.tasks.forecast.network import QuantileHead


def origin_inputs(graph: Graph, head: Any, width: int, ahead: int) -> tuple[Value, Value, Value]:
    """`memory` (B, M K), `bases` (B, h, K, S) and `ahead` (B, h, C), as `Origins` has them."""
    keys = (head.horizon, head.targets)
    return (
        graph.input("memory", ("B", width)),
        graph.input("bases", ("B", *keys, head.bases - head.smoothed)),
        graph.input("ahead", ("B", head.horizon, ahead)),
    )


def quantiles(
    graph: Graph, head: "QuantileHead", output: Value, memory: Value, bases: Value, ahead: Value
) -> Value:
    """Outputs (B, H) to quantiles (B, h, K, Q)."""
    z = ops.concat(graph, -1, output, memory)
    shape = ("B", head.horizon, head.targets)
    mixture = describe(graph, head.mixture, z)
    weights = ops.softmax(graph, ops.reshape(graph, mixture, *shape, head.bases), -1)
    contexts = describe(graph, head.contexts, z)
    size = int(contexts.shape[-1]) // head.horizon
    parts = [ops.reshape(graph, contexts, "B", head.horizon, size), ahead]
    local = ops.gelu(graph, describe(graph, head.local, ops.concat(graph, -1, *parts)))
    spread = ops.reshape(graph, describe(graph, head.spread, local), *shape, head.quantiles)
    mixed = ops.reduced(graph, "sum", ops.apply(graph, "mul", weights, bases), [-1])
    correction = ops.reshape(graph, describe(graph, head.correction, z), *shape)
    return _around(graph, ops.apply(graph, "add", mixed, correction), spread)


def _around(graph: Graph, median: Value, parts: Value) -> Value:
    """As `elman.tasks.forecast.quantiles.around`."""
    count = int(parts.shape[-1])
    middle = count // 2
    below, moved, above = (
        ops.cut(graph, parts, -1, *ends)
        for ends in ((0, middle), (middle, middle + 1), (middle + 1, count))
    )
    median = ops.apply(graph, "add", ops.reshape(graph, median, *median.shape, 1), moved)
    found = [median]
    if middle:
        down = _summed(
            graph, ops.apply(graph, "softplus", below), np.triu(np.ones((middle, middle)))
        )
        found.insert(0, ops.apply(graph, "sub", median, down))
    if count > middle + 1:
        rest = count - middle - 1
        up = _summed(graph, ops.apply(graph, "softplus", above), np.tril(np.ones((rest, rest))))
        found.append(ops.apply(graph, "add", median, up))
    return ops.concat(graph, -1, *found)


def _summed(graph: Graph, x: Value, matrix: Any) -> Value:
    """Sums of the numbers up to each, or from each on, by a matrix of ones."""
    return graph.add("linear", x, graph.constant("sums", matrix), shapes=[x.shape])[0]
