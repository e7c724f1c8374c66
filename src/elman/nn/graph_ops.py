"""Operations added to a graph with the shapes of their outputs worked out."""

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from elman.compiler.expression import COMPARISONS, LOGICAL
from elman.nn.graph import Graph, Shape, Value


def weight(graph: Graph, name: str, tensor: Tensor) -> Value:
    """A weight as a constant of the graph."""
    return graph.constant(name, tensor.detach().cpu().double().numpy())


def apply(graph: Graph, name: str, *operands: Value | float) -> Value:
    """An elementwise operation of values and numbers, with numpy's broadcasting.

    >>> graph = Graph("step")
    >>> apply(graph, "mul", graph.input("x", ("B", 3)), 2.0).shape
    ('B', 3)
    """
    values = [_value(graph, each) for each in operands]
    shape = broadcast(*(value.shape for value in values))
    is_condition = name in COMPARISONS or name in LOGICAL
    return graph.add(name, *values, shapes=[shape], dtype="bool" if is_condition else "float32")[0]


def linear(graph: Graph, x: Value, matrix: Tensor, bias: Tensor | None = None) -> Value:
    """`matrix` x + `bias` over the last axis."""
    terms = [weight(graph, "weight", matrix)]
    if bias is not None:
        terms.append(weight(graph, "bias", bias))
    return graph.add("linear", x, *terms, shapes=[(*x.shape[:-1], len(matrix))])[0]


def embedding(graph: Graph, ids: Value, table: Tensor) -> Value:
    """The rows of a table, (V, E), that ids name."""
    rows = weight(graph, "table", table)
    return graph.add("embedding", ids, rows, shapes=[(*ids.shape, table.shape[1])])[0]


def reduced(graph: Graph, kind: str, x: Value, axes: Sequence[int], *, keep: bool = False) -> Value:
    """`sum`, `mean` or `max` over some axes."""
    axes = tuple(axis % len(x.shape) for axis in axes)
    sizes = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    shape = tuple(size for axis, size in enumerate(sizes) if keep or axis not in axes)
    return graph.add(kind, x, shapes=[shape], axes=axes, keep=keep)[0]


def softmax(
    graph: Graph, x: Value, axis: int, *, mask: Value | None = None, log: bool = False
) -> Value:
    """Softmax or its logarithm along an axis; with a mask 0 where it is False."""
    axis %= len(x.shape)
    if mask is not None:
        return graph.add("masked_softmax", x, mask, shapes=[x.shape], axis=axis)[0]
    return graph.add("log_softmax" if log else "softmax", x, shapes=[x.shape], axis=axis)[0]


def gelu(graph: Graph, x: Value) -> Value:
    """x times the normal distribution's share below x."""
    share = graph.add("erf", apply(graph, "mul", x, 0.5**0.5), shapes=[x.shape])[0]
    return apply(graph, "mul", apply(graph, "mul", x, 0.5), apply(graph, "add", share, 1.0))


def group_norm(
    graph: Graph,
    x: Value,
    groups: int,
    gain: Tensor | None,
    shift: Tensor | None,
    epsilon: float = 1e-5,
) -> Value:
    """Each group of channels of (N, C, ...) brought to mean 0 and deviation 1, then scaled."""
    size = math.prod(int(each) for each in x.shape[1:])
    parts = reshape(graph, x, x.shape[0], groups, size // groups)
    normal = graph.add("layer_norm", parts, shapes=[parts.shape], epsilon=epsilon)[0]
    found, shape = reshape(graph, normal, *x.shape), (-1, *(1,) * (len(x.shape) - 2))
    for operator, name, each in (("mul", "gain", gain), ("add", "shift", shift)):
        if each is not None:
            found = apply(graph, operator, found, weight(graph, name, each.view(shape)))
    return found


def concat(graph: Graph, axis: int, *values: Value) -> Value:
    """Values side by side along an axis of known sizes."""
    if len(values) == 1:
        return values[0]
    first = values[0]
    axis %= len(first.shape)
    size = sum(int(value.shape[axis]) for value in values)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return graph.add("concat", *values, shapes=[shape], dtype=first.dtype, axis=axis)[0]


def cut(graph: Graph, x: Value, axis: int, start: int, stop: int) -> Value:
    """x[start:stop] along an axis; both may count from the end of a known size."""
    axis %= len(x.shape)
    size = x.shape[axis]
    if isinstance(size, int):
        start, stop = range(size)[start:stop].start, range(size)[start:stop].stop
        if (start, stop) == (0, size):
            return x
    shape = (*x.shape[:axis], stop - start, *x.shape[axis + 1 :])
    found = graph.add("slice", x, shapes=[shape], dtype=x.dtype, axis=axis, start=start, stop=stop)
    return found[0]


def reshape(graph: Graph, x: Value, *shape: int | str) -> Value:
    """The same numbers in another shape."""
    return graph.add("reshape", x, shapes=[shape], dtype=x.dtype)[0]


def transpose(graph: Graph, x: Value, *order: int) -> Value:
    """The axes in another order."""
    shape = tuple(x.shape[axis] for axis in order)
    return graph.add("transpose", x, shapes=[shape], dtype=x.dtype, order=order)[0]


def cast(graph: Graph, x: Value) -> Value:
    """As float32."""
    return graph.add("cast", x, shapes=[x.shape])[0]


def step_mask(graph: Graph, lengths: Value, like: Value) -> Value:
    """Which steps of `like`, (T, B, ...), are real, (T, B, 1...) bool with its number of axes."""
    shape = like.shape[:2]
    mask = graph.add("step_mask", lengths, like, shapes=[shape], dtype="bool")[0]
    return reshape(graph, mask, *shape, *(1,) * (len(like.shape) - 2)) if like.shape[2:] else mask


def real_steps(graph: Graph, x: Value, lengths: Value) -> Value:
    """The same with 0 on padding, whatever stands there."""
    return apply(graph, "where", step_mask(graph, lengths, x), x, 0.0)


def last_step(graph: Graph, x: Value, lengths: Value) -> Value:
    """The last real step of each sequence, (B, ...); 0 where there is none."""
    return graph.add("last_step", x, lengths, shapes=[x.shape[1:]])[0]


def broadcast(*shapes: Shape) -> Shape:
    """The shape of elementwise results.

    >>> broadcast(("T", "B", 1), ("B", 5))
    ('T', 'B', 5)
    """
    rank = max(map(len, shapes))
    filled = [(*(1,) * (rank - len(shape)), *shape) for shape in shapes]
    found: list[int | str] = []
    for sizes in zip(*filled, strict=True):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            raise ValueError(f"shapes {shapes} do not go together")
        found.append(others.pop() if others else 1)
    return tuple(found)


def _value(graph: Graph, operand: Value | float) -> Value:
    if isinstance(operand, Value):
        return operand
    return graph.constant("number", np.array(float(operand)))
