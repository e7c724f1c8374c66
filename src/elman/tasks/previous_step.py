"""The value of the step before, in graphs to export."""

import numpy as np

from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value


def previous(graph: Graph, values: Value, name: str) -> Value:
    """Of each step of `values`, (T, B, ...), or (B, ...) in a graph of one step, the value before
    it; of the first step its own.

    A graph of one step remembers it as the state `name`, which counts once the state `begun` is 1.
    """
    if graph.form == "sequence":
        rest = values.shape[1:]
        first, others = (
            graph.add("slice", values, shapes=[(size, *rest)], axis=0, start=0, stop=stop)[0]
            for size, stop in ((1, 1), ("T-1", -1))
        )
        return graph.add("concat", first, others, shapes=[values.shape], axis=0)[0]
    begun = graph.state("begun", np.zeros((1,) * (1 + len(values.shape))))
    last = graph.state(name, np.zeros((1, 1, *map(int, values.shape[1:]))))
    now = ops.reshape(graph, values, 1, *values.shape)
    graph.update(last, now)
    graph.update(begun, ops.apply(graph, "maximum", begun, 1.0))
    before = ops.apply(graph, "where", ops.apply(graph, "gt", begun, 0.0), last, now)
    return ops.reshape(graph, before, *values.shape)
