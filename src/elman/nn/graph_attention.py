"""How attention over a memory is described in a graph: the memory once, then each query."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value

if TYPE_CHECKING:
    from elman.nn.attention import Attention

Named = dict[str, Value]


def memory_of(graph: Graph, memory: Value, lengths: Value) -> Named:
    """`memory_values` (T, B, M), 0 on padding, and `memory_mask` (T, B) bool."""
    mask = graph.add("step_mask", lengths, memory, shapes=[memory.shape[:2]], dtype="bool")[0]
    values = ops.real_steps(graph, memory, lengths)
    return {"memory_values": values, "memory_mask": mask}


def prepare(graph: Graph, attention: "Attention", memory: Value, lengths: Value) -> Named:
    """The memory as queries meet it; of additive attention with `memory_keys` (T, B, size)."""
    found = memory_of(graph, memory, lengths)
    if attention.kind == "additive":
        found["memory_keys"] = ops.linear(graph, found["memory_values"], attention.weight_memory)
    return {name: found[name] for name in sorted(found, key=_ORDER.index)}


def attend(
    graph: Graph, attention: "Attention", query: Value, memory: Mapping[str, Value]
) -> Value:
    """The context, (B, M), of one query, (B, Q)."""
    values = memory["memory_values"]
    if attention.kind == "additive":
        projected = ops.linear(graph, query, attention.weight_query)
        total = ops.apply(graph, "add", memory["memory_keys"], projected)
        scores = ops.linear(graph, ops.apply(graph, "tanh", total), attention.v.unsqueeze(0))
    else:
        if attention.kind == "general":
            query = ops.linear(graph, query, attention.weight)
        products = ops.apply(graph, "mul", values, query)
        scores = ops.reduced(graph, "sum", products, [-1], keep=True)
        if attention.scaled:
            scores = ops.apply(graph, "div", scores, attention.memory_size**0.5)
    weights = ops.softmax(graph, scores, 0, mask=column(graph, memory))
    return ops.reduced(graph, "sum", ops.apply(graph, "mul", weights, values), [0])


def column(graph: Graph, memory: Mapping[str, Value]) -> Value:
    """The mask as (T, B, 1)."""
    mask = memory["memory_mask"]
    return ops.reshape(graph, mask, *mask.shape, 1)


_ORDER = ("memory_values", "memory_keys", "memory_mask")
