"""How pooling over time is described in a graph."""

from typing import TYPE_CHECKING

import numpy as np

from elman.errors import ExportError
from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value
from elman.nn.graph_modules import describe as described

if TYPE_CHECKING:
    from elman.nn.pooling import Pooling

_LEAST = -1e30  # stands for minus infinity, which some targets compute without


def describe(graph: Graph, pooling: "Pooling", output: Value, lengths: Value | None) -> Value:
    """Pool (T, B, size) over the real steps; or one step, (B, size), with those before."""
    if graph.form == "step":
        if pooling.bidirectional:
            raise ExportError(
                "steps of a bidirectional layer cannot be pooled one by one: export the sequence"
                " form"
            )
        return _so_far(graph, pooling, output)
    assert lengths is not None
    output = ops.real_steps(graph, output, lengths)
    if pooling.kind == "last":
        return _last(graph, pooling, output, lengths)
    if pooling.score is not None:
        scores = described(graph, pooling.score, output)
        mask = ops.step_mask(graph, lengths, output)
        weights = ops.softmax(graph, scores, 0, mask=mask)
        return ops.reduced(graph, "sum", ops.apply(graph, "mul", weights, output), [0])
    parts = []
    if pooling.kind in ("mean", "mean_max"):
        count = ops.apply(graph, "maximum", _column(graph, lengths), 1.0)
        total = ops.reduced(graph, "sum", output, [0])
        parts.append(ops.apply(graph, "div", total, count))
    if pooling.kind in ("max", "mean_max"):
        parts.append(_largest(graph, output, lengths))
    return ops.concat(graph, -1, *parts)


def _last(graph: Graph, pooling: "Pooling", output: Value, lengths: Value) -> Value:
    last = ops.last_step(graph, output, lengths)
    if not pooling.bidirectional:
        return last
    half = int(output.shape[-1]) // 2
    one = ops.apply(graph, "minimum", _column(graph, lengths), 1.0)
    first = ops.last_step(graph, output, _whole(graph, one))
    return ops.concat(
        graph, -1, ops.cut(graph, last, -1, 0, half), ops.cut(graph, first, -1, half, 2 * half)
    )


def _largest(graph: Graph, output: Value, lengths: Value) -> Value:
    """The largest of the real steps; 0 where there is none."""
    mask = ops.step_mask(graph, lengths, output)
    low = ops.apply(graph, "where", mask, output, _LEAST)
    largest = ops.reduced(graph, "max", low, [0])
    some = ops.apply(graph, "gt", _column(graph, lengths), 0.0)
    return ops.apply(graph, "where", some, largest, 0.0)


def _so_far(graph: Graph, pooling: "Pooling", output: Value) -> Value:
    size = int(output.shape[-1])
    if pooling.kind == "last":
        return output
    if pooling.score is not None:
        return _attended(graph, pooling, output, size)
    parts = []
    if pooling.kind in ("mean", "mean_max"):
        total, count = _state(graph, "sum", size), _state(graph, "count", 1)
        new_total = ops.apply(graph, "add", total, output)
        new_count = ops.apply(graph, "add", count, 1.0)
        graph.update(total, new_total)
        graph.update(count, new_count)
        parts.append(ops.apply(graph, "div", new_total, new_count))
    if pooling.kind in ("max", "mean_max"):
        largest = _state(graph, "max", size, _LEAST)
        new = ops.apply(graph, "maximum", largest, output)
        graph.update(largest, new)
        parts.append(new)
    return _without_first(graph, ops.concat(graph, -1, *parts))


def _attended(graph: Graph, pooling: "Pooling", output: Value, size: int) -> Value:
    assert pooling.score is not None
    total, weight = _state(graph, "sum", size), _state(graph, "weight", 1)
    highest = _state(graph, "highest", 1, _LEAST)
    score = described(graph, pooling.score, output)
    new = ops.apply(graph, "maximum", highest, score)
    faded = ops.apply(graph, "exp", ops.apply(graph, "sub", highest, new))
    own = ops.apply(graph, "exp", ops.apply(graph, "sub", score, new))
    new_weight = ops.apply(graph, "add", ops.apply(graph, "mul", weight, faded), own)
    new_total = ops.apply(
        graph,
        "add",
        ops.apply(graph, "mul", total, faded),
        ops.apply(graph, "mul", own, output),
    )
    for before, after in ((highest, new), (total, new_total), (weight, new_weight)):
        graph.update(before, after)
    return _without_first(graph, ops.apply(graph, "div", new_total, new_weight))


def _state(graph: Graph, name: str, size: int, first: float = 0.0) -> Value:
    return graph.state(f"pooling_{name}", np.full((1, 1, size), first))


def _without_first(graph: Graph, x: Value) -> Value:
    return ops.reshape(graph, x, *x.shape[1:])


def _column(graph: Graph, lengths: Value) -> Value:
    """Lengths as (B, 1) float32."""
    return ops.reshape(graph, ops.cast(graph, lengths), "B", 1)


def _whole(graph: Graph, column: Value) -> Value:
    """A column (B, 1) as (B,) int64."""
    flat = ops.reshape(graph, column, "B")
    return graph.add("cast", flat, shapes=[("B",)], dtype="int64")[0]
