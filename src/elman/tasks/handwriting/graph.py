"""How the encoder of ink is described in a graph to export."""

from typing import TYPE_CHECKING

import numpy as np

from elman.errors import ExportError
from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value
from elman.tasks.previous_step import previous

if TYPE_CHECKING:
    from elman.tasks.handwriting.encoder import InkEncoder

FAR = 1e9
GRID, REACH = 5, 0.6  # cells of the context bitmap, and how far it reaches
NEAR = 4  # sizes along the path, whose ink is in it
PLACES, MAPS = 8, 5  # a side of a symbol's maps; four directions, and all ink
OWN = 4  # numbers of place and size
DOT = 0.02  # of the usual size, so that a dot has a logarithm


def steps_input(graph: Graph) -> tuple[Value, ...]:
    """`x`, steps of ink (T, B, 6); a step of its own tells nothing of the ink's size."""
    if graph.form == "step":
        raise ExportError(
            "handwriting has no step form, as the size of the whole ink is read: export the"
            " sequence form"
        )
    return (graph.input("x", ("T", "B", 6)),)


def features(graph: Graph, encoder: "InkEncoder", x: Value) -> Value:
    """The features of each step, as `InkEncoder.forward` makes them."""
    points, start, real = _parts(graph, x)
    top, size = _placed(graph, x)
    high, low = _ends(graph, points, real)
    sides = ops.apply(graph, "sub", high, low)
    sides = ops.apply(graph, "minimum", ops.apply(graph, "maximum", sides, 0.0), FAR / 2)
    if not encoder.is_text:
        longer = ops.reduced(graph, "max", sides, [-1], keep=True)
        longest = ops.apply(graph, "maximum", longer, 1e-2)
        longest = ops.apply(graph, "where", ops.apply(graph, "gt", longer, 0.0), longest, 1.0)
        middle = ops.apply(graph, "div", ops.apply(graph, "add", high, low), 2.0)
        points = ops.apply(graph, "div", ops.apply(graph, "sub", points, middle), longest)
        sides = ops.apply(graph, "div", sides, longest)
        size = ops.apply(graph, "mul", size, longest)
    way = ops.apply(graph, "sub", points, previous(graph, points, "last_points"))
    square = ops.reduced(graph, "sum", ops.apply(graph, "mul", way, way), [-1], keep=True)
    length = ops.apply(graph, "maximum", ops.apply(graph, "sqrt", square), 1e-6)
    place = ops.apply(graph, "mul", points, 2.0)
    parts = [
        ops.apply(graph, "mul", way, float(encoder.resolution)),
        ops.apply(graph, "div", way, length),
        start,
        ops.cut(graph, place, -1, 1, 2) if encoder.is_text else place,
        _surroundings(graph, encoder, points, real),
    ]
    if encoder.keep_size:
        own = _own(graph, top, sides, size)
        own = ops.reshape(graph, own, 1, *own.shape)
        shape_of_all = (*x.shape[:2], own.shape[-1])
        parts += graph.add("repeat", own, x, shapes=[shape_of_all], axis=0, like_axis=0)
    return ops.apply(graph, "mul", ops.concat(graph, -1, *parts), real)


def _surroundings(graph: Graph, encoder: "InkEncoder", points: Value, real: Value) -> Value:
    """The context bitmap, (T, B, 25)."""
    every = 2 if encoder.is_text else 1
    reach = every * (NEAR * encoder.resolution // every)
    offsets = tuple(range(-reach, reach + 1, every))
    both = ops.concat(graph, -1, points, real)
    steps, batch = points.shape[:2]
    shape = (steps, batch, len(offsets), 3)
    near = graph.add("around", both, shapes=[shape], offsets=offsets)[0]
    middle = ops.reshape(graph, points, steps, batch, 1, 2)
    away = ops.apply(graph, "sub", ops.cut(graph, near, -1, 0, 2), middle)
    centres = graph.constant("centres", np.linspace(-REACH, REACH, GRID))
    sides = []
    for i in range(2):
        distance = ops.apply(graph, "sub", ops.cut(graph, away, -1, i, i + 1), centres)
        share = ops.apply(graph, "mul", ops.apply(graph, "abs", distance), (GRID - 1) / (2 * REACH))
        inside = ops.apply(graph, "maximum", ops.apply(graph, "sub", 1.0, share), 0.0)
        sides.append(inside)  # (T, B, steps around, 5)
    across = ops.apply(graph, "mul", sides[0], ops.cut(graph, near, -1, 2, 3))
    turned = ops.transpose(graph, across, 0, 1, 3, 2)
    ink = graph.add("matmul", turned, sides[1], shapes=[(steps, batch, GRID, GRID)])[0]
    ink = ops.apply(graph, "tanh", ops.apply(graph, "mul", ink, every * 4 / encoder.resolution))
    return ops.reshape(graph, ink, steps, batch, GRID**2)


def _parts(graph: Graph, x: Value) -> tuple[Value, Value, Value]:
    """Points, 0 on padding, firsts of strokes, and what is real."""
    points, start, real = (ops.cut(graph, x, -1, *ends) for ends in ((0, 2), (2, 3), (3, 4)))
    points = ops.apply(graph, "where", ops.apply(graph, "gt", real, 0.0), points, 0.0)
    return points, start, real


def _placed(graph: Graph, x: Value) -> tuple[Value, Value]:
    """The height on the page and the size, (B, 1) each."""
    top, size = (_first(graph, ops.cut(graph, x, -1, i, i + 1)) for i in (4, 5))
    return top, size


def _ends(graph: Graph, points: Value, real: Value) -> tuple[Value, Value]:
    """The greatest and the least x and y of real points, (B, 2) each."""
    padding = ops.apply(graph, "mul", ops.apply(graph, "sub", 1.0, real), FAR)
    high = ops.reduced(graph, "max", ops.apply(graph, "sub", points, padding), [0])
    lowered = ops.apply(graph, "neg", ops.apply(graph, "add", points, padding))
    return high, ops.apply(graph, "neg", ops.reduced(graph, "max", lowered, [0]))


def _own(graph: Graph, top: Value, sides: Value, size: Value) -> Value:
    """The numbers of place and size, (B, 4)."""
    grown = ops.apply(graph, "add", ops.apply(graph, "mul", sides, size), DOT)
    most = ops.apply(graph, "minimum", size, 10.0)
    return ops.concat(graph, -1, top, ops.apply(graph, "log", grown), most)


def shape(graph: Graph, x: Value, resolution: int, *, keep_size: bool) -> Value:
    """The shape of a symbol, as `elman.tasks.handwriting.shape.shape` makes it."""
    maps = _shape_maps(graph, x, resolution)
    if not keep_size:
        return maps
    points, _, real = _parts(graph, x)
    top, size = _placed(graph, x)
    high, low = _ends(graph, points, real)
    return ops.concat(graph, -1, maps, _own(graph, top, ops.apply(graph, "sub", high, low), size))


def _shape_maps(graph: Graph, x: Value, resolution: int) -> Value:
    points, start, real = _parts(graph, x)
    drawn = ops.apply(graph, "mul", real, ops.apply(graph, "sub", 1.0, start))
    way = ops.apply(graph, "sub", points, previous(graph, points, "last_points"))
    way = ops.apply(graph, "mul", way, drawn)
    square = ops.reduced(graph, "sum", ops.apply(graph, "mul", way, way), [-1], keep=True)
    length = ops.apply(graph, "sqrt", square)
    unit = ops.apply(graph, "div", way, ops.apply(graph, "maximum", length, 1e-6))
    across, down = (ops.cut(graph, unit, -1, i, i + 1) for i in range(2))
    level = ops.apply(
        graph,
        "sub",
        ops.apply(graph, "mul", across, across),
        ops.apply(graph, "mul", down, down),
    )
    falling = ops.apply(graph, "mul", ops.apply(graph, "mul", across, down), 2.0)
    twice = ops.concat(graph, -1, level, falling)
    both = ops.concat(graph, -1, twice, ops.apply(graph, "neg", twice))
    directions = ops.apply(graph, "mul", ops.apply(graph, "maximum", both, 0.0), length)
    amounts = ops.concat(graph, -1, directions, ops.apply(graph, "div", real, float(resolution)))
    middle = ops.apply(graph, "sub", points, ops.apply(graph, "div", way, 2.0))
    at = ops.apply(graph, "mul", ops.apply(graph, "add", middle, 0.5), float(PLACES - 1))
    at = ops.apply(graph, "minimum", ops.apply(graph, "maximum", at, 0.0), float(PLACES - 1))
    places = graph.constant("places", np.arange(PLACES, dtype=np.float64))
    near = []
    for i in range(2):
        away = ops.apply(graph, "sub", ops.cut(graph, at, -1, i, i + 1), places)
        share = ops.apply(graph, "sub", 1.0, ops.apply(graph, "abs", away))
        near.append(ops.apply(graph, "maximum", share, 0.0))  # (T, B, 8)
    columns, rows = near
    steps, batch = x.shape[:2]
    where = ops.apply(
        graph,
        "mul",
        ops.reshape(graph, amounts, steps, batch, MAPS, 1),
        ops.reshape(graph, rows, steps, batch, 1, PLACES),
    )
    where = ops.transpose(graph, ops.reshape(graph, where, steps, batch, MAPS * PLACES), 1, 2, 0)
    columns = ops.transpose(graph, columns, 1, 0, 2)
    found = graph.add("matmul", where, columns, shapes=[(batch, MAPS * PLACES, PLACES)])[0]
    return ops.reshape(graph, ops.apply(graph, "sqrt", found), batch, MAPS * PLACES**2)


def _first(graph: Graph, x: Value) -> Value:
    """The first step, (B, F); 0 of no steps."""
    first = graph.add("slice", x, shapes=[(1, *x.shape[1:])], axis=0, start=0, stop=1)[0]
    return ops.reduced(graph, "sum", first, [0])
