"""Recurrent layers in ONNX: its own operators where they compute the same, else the equations."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple

import numpy as np
from onnx import helper

from elman.compiler.expression import read
from elman.compiler.trace import Equations, parse_equations
from elman.export.to_onnx import over_time
from elman.export.to_onnx.expressions import elementwise, evaluate
from elman.export.to_onnx.gate_groups import Layout, arranged, layout
from elman.export.to_onnx.writer import TYPES, Writer, floats
from elman.nn.graph import Array, Direction, Operation

_EPSILON = 1e-5  # of layer normalisation within a layer


class _Operator(NamedTuple):
    name: str
    order: tuple[int, ...]  # of ONNX's gates, as places among ours
    peepholes: tuple[int, ...] = ()  # the same of the parameters
    attributes: tuple[tuple[str, object], ...] = ()


_OPERATORS = {
    "lstm": _Operator("LSTM", (0, 3, 1, 2)),  # i o f c
    "peephole_lstm": _Operator("LSTM", (0, 3, 1, 2), (0, 2, 1)),  # i o f
    "gru": _Operator("GRU", (1, 0, 2), (), (("linear_before_reset", 1),)),  # z r h
    "rnn": _Operator("RNN", (0,)),
    "rnn_relu": _Operator("RNN", (0,), (), (("activations", ("Relu",)),)),
}


def sequence(writer: Writer, operation: Operation, inputs: list[str]) -> list[str]:
    """One layer over time: the output (T, B, D*P) and the last states (D, B, .)."""
    x, lengths, *states = inputs
    directions: tuple[Direction, ...] = operation.attributes["directions"]
    states = states or [_initial(writer, directions, i, x) for i in range(_states(directions[0]))]
    operator = _operator(writer, directions)
    if operator is not None:
        return _by_operator(writer, operator, directions, x, states, lengths)
    outputs, last = [], []
    for at, direction in enumerate(directions):
        own = [_part(writer, state, at, len(directions)) for state in states]
        output, *after = _scan(writer, direction, x, own, lengths)
        outputs.append(output)
        last.append([writer.add("Unsqueeze", each, writer.whole(0)) for each in after])
    if len(directions) == 1:
        return [outputs[0], *last[0]]
    ends = [writer.add("Concat", *parts, axis=0) for parts in zip(*last, strict=True)]
    return [writer.add("Concat", *outputs, axis=2), *ends]


def step(writer: Writer, operation: Operation, inputs: list[str]) -> list[str]:
    """One step: the output (B, P) and the new states (1, B, .)."""
    x, *states = inputs
    direction: Direction = operation.attributes["direction"]
    operator = _operator(writer, (direction,))
    if operator is not None:
        one = writer.add("Unsqueeze", x, writer.whole(0))
        output, *after = _by_operator(writer, operator, (direction,), one, states, None)
        return [writer.add("Squeeze", output, writer.whole(0)), *after]
    own = [writer.add("Squeeze", each, writer.whole(0)) for each in states]
    grouped = _Grouped.of(direction)
    new = _step(writer, grouped, _gates(writer, grouped, x), own)
    return [new[0], *(writer.add("Unsqueeze", each, writer.whole(0)) for each in new)]


def _states(direction: Direction) -> int:
    return parse_equations(direction.equations).states


def _initial(writer: Writer, directions: tuple[Direction, ...], index: int, x: str) -> str:
    """The first value of a state, (D, B, .)."""
    size = directions[0].output_size if index == 0 else directions[0].hidden_size
    rows = [np.zeros(size) if d.initial is None else d.initial[index] for d in directions]
    first = writer.constant(floats(np.stack(rows)[:, None]), "initial")
    shape = [writer.whole(len(rows)), writer.size(x, 1), writer.whole(size)]
    return writer.add("Expand", first, writer.add("Concat", *shape, axis=0))


def _operator(writer: Writer, directions: tuple[Direction, ...]) -> _Operator | None:
    """The operator of ONNX that computes exactly these directions, if there is one."""
    first = directions[0]
    found = _OPERATORS.get(first.cell)
    if found is None or first.reverse:
        return None
    if first.hidden_size >= writer.decomposed.get(found.name, inf):
        return None
    plain = all(
        d.cell == first.cell and d.weight_hr is None and d.norm_ih is None for d in directions
    )
    return found if plain else None


def _by_operator(
    writer: Writer,
    operator: _Operator,
    directions: tuple[Direction, ...],
    x: str,
    states: list[str],
    lengths: str | None,
) -> list[str]:
    size, count = directions[0].hidden_size, len(directions)

    def arranged(array: Array) -> Array:
        blocks = np.split(array, len(operator.order))
        return np.concatenate([blocks[place] for place in operator.order])

    def bias(direction: Direction) -> Array:
        zeros = np.zeros(len(operator.order) * size)
        both = (direction.bias_ih, direction.bias_hh)
        return np.concatenate([arranged(zeros if b is None else b) for b in both])

    hh = [d.weight_hh for d in directions if d.weight_hh is not None]
    weights = [
        writer.constant(floats(np.stack([arranged(d.weight_ih) for d in directions])), "W"),
        writer.constant(floats(np.stack([arranged(each) for each in hh])), "R"),
        writer.constant(floats(np.stack([bias(d) for d in directions])), "B"),
    ]
    short = "" if lengths is None else writer.add("Cast", lengths, to=6)
    inputs = [x, *weights, short, *states]
    if operator.peepholes:
        rows = [np.concatenate([d.params[p] for p in operator.peepholes]) for d in directions]
        inputs.append(writer.constant(floats(np.stack(rows)), "P"))
    attributes = dict(operator.attributes)
    if "activations" in attributes:
        attributes["activations"] = ["Relu"] * count
    y, *last = writer.add_many(
        operator.name,
        *inputs,
        count=1 + len(states),
        hidden_size=size,
        direction="bidirectional" if count == 2 else "forward",
        **attributes,
    )
    if count == 1:
        output = writer.add("Squeeze", y, writer.whole(1))
    else:
        turned = writer.add("Transpose", y, perm=[0, 2, 1, 3])
        output = writer.add("Reshape", turned, writer.whole(0, 0, count * size))
    if lengths is None:
        return [output, *last]
    some = writer.add("Greater", lengths, writer.whole(0))
    some = writer.add("Unsqueeze", some, writer.whole(0, 2))
    kept = [writer.add("Where", some, new, old) for new, old in zip(last, states, strict=True)]
    return [output, *kept]


class _Grouped(NamedTuple):
    """A direction whose gates lie as they are grouped."""

    direction: Direction
    equations: Equations
    layout: Layout

    @classmethod
    def of(cls, direction: Direction) -> "_Grouped":
        equations = parse_equations(direction.equations)
        found = layout(equations)

        def gates(array: Array) -> Array:
            return arranged(array, found.gate_parts, equations.gates)

        def products(array: Array | None) -> Array | None:
            if array is None:
                return None
            return arranged(array, found.product_parts, len(equations.recurrent))

        turned = replace(
            direction,
            weight_ih=gates(direction.weight_ih),
            bias_ih=None if direction.bias_ih is None else gates(direction.bias_ih),
            norm_ih=None if direction.norm_ih is None else gates(direction.norm_ih),
            weight_hh=products(direction.weight_hh),
            bias_hh=products(direction.bias_hh),
            norm_hh=products(direction.norm_hh),
        )
        return cls(turned, equations, found)


def _scan(
    writer: Writer, direction: Direction, x: str, states: list[str], lengths: str
) -> list[str]:
    """The equations over time. One step of padding is added, as runtimes refuse to scan nothing.

    The loop knows no lengths: what it makes of padding is cut off after it, and a sequence that is
    read from its end is turned before.
    """
    size, grouped = writer.size(x, 0), _Grouped.of(direction)
    one = writer.add("Concat", writer.whole(1), writer.size(x, 1), writer.size(x, 2), axis=0)
    padding = writer.add("Expand", writer.number(0.0), one)
    x = writer.add("Concat", x, padding, axis=0)
    if direction.reverse:
        x = _turned(writer, x, lengths)
    gates = _gates(writer, grouped, x)
    body = _body(writer, grouped, len(states))
    found = writer.add_many(
        "Scan", *states, *gates, count=2 * len(states), body=body, num_scan_inputs=len(gates)
    )
    steps = found[len(states) :]
    last = [
        over_time.at_length(writer, writer.add("Unsqueeze", state, writer.whole(0)), own, lengths)
        for state, own in zip(states, steps, strict=True)
    ]
    output = _turned(writer, steps[0], lengths) if direction.reverse else steps[0]
    output = writer.add("Slice", output, writer.whole(0), size, writer.whole(0))
    mask = writer.add("Unsqueeze", over_time.mask(writer, size, lengths), writer.whole(2))
    return [writer.add("Where", mask, output, writer.number(0.0)), *last]


def _turned(writer: Writer, x: str, lengths: str) -> str:
    """Each sequence's real steps in reverse order, (T, B, .)."""
    return writer.add("ReverseSequence", x, lengths, time_axis=0, batch_axis=1)


def _body(writer: Writer, grouped: _Grouped, count: int) -> Any:
    """One step as a graph of its own; its constants belong to the graph around."""
    inner, direction = writer.inner(), grouped.direction
    sizes = [direction.output_size, *(direction.hidden_size,) * (count - 1)]
    widths = [len(part) * direction.hidden_size for part in grouped.layout.gate_parts]
    old = [inner.named("old") for _ in sizes]
    gates = [inner.named("gates") for _ in widths]
    new = _step(inner, grouped, gates, old)
    taken = set(old + gates)
    after = [each if _first(each, taken) else inner.add("Identity", each) for each in new]
    names = [*after, *(inner.add("Identity", each) for each in new)]

    def described(names: list[str], sizes: list[int]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, TYPES["float32"], [None, size])
            for name, size in zip(names, sizes, strict=True)
        ]

    inputs = [*described(old, sizes), *described(gates, widths)]
    return helper.make_graph(inner.nodes, "step", inputs, described(names, 2 * sizes))


def _first(name: str, taken: set[str]) -> bool:
    """Whether a name is not taken yet; then it is."""
    is_free = name not in taken
    taken.add(name)
    return is_free


def _step(writer: Writer, grouped: _Grouped, gates: list[str], states: list[str]) -> list[str]:
    """The new states, (B, .) each, from the parts of the gate inputs."""
    direction, equations, layout = grouped
    inputs = {read("s", i): name for i, name in enumerate(states)}
    products: list[str] = []
    if direction.weight_hh is not None:
        whole = _product(
            writer, states[0], direction.weight_hh, direction.bias_hh, direction.norm_hh
        )
        products = _split(writer, whole, layout.product_parts, direction.hidden_size)
    count = len(layout.groups)
    for group, x, r in zip(layout.groups, gates[:count], products[:count], strict=True):
        total = writer.add("Add", x, r)
        if group.function is not None:
            total = elementwise(writer, group.function, total)
        parts = _split(writer, total, [(gate,) for gate in group.gates], direction.hidden_size)
        inputs |= dict(zip(group.nodes, parts, strict=True))
    for kind, places, names in (
        ("x", layout.gates, gates[count:]),
        ("r", layout.products, products[count:]),
    ):
        inputs |= {read(kind, i): name for i, name in zip(places, names, strict=True)}
    for i, each in enumerate(direction.params):
        inputs[read("p", i)] = writer.constant(floats(each), "parameter")
    new = evaluate(writer, equations.new, inputs)
    if direction.weight_hr is not None:
        new[0] = _product(writer, new[0], direction.weight_hr, None, None)
    return new


def _gates(writer: Writer, grouped: _Grouped, x: str) -> list[str]:
    """The parts of the gate inputs, (..., n*H)."""
    own = grouped.direction
    whole = _product(writer, x, own.weight_ih, own.bias_ih, own.norm_ih)
    return _split(writer, whole, grouped.layout.gate_parts, own.hidden_size)


def _product(writer: Writer, x: str, weight: Array, bias: Array | None, gain: Array | None) -> str:
    found = writer.add("MatMul", x, writer.constant(floats(weight.T), "weight"))
    shift = None if bias is None else writer.constant(floats(bias), "bias")
    if gain is not None:
        terms = [writer.constant(floats(gain), "gain"), *([] if shift is None else [shift])]
        return writer.add("LayerNormalization", found, *terms, axis=-1, epsilon=_EPSILON)
    return found if shift is None else writer.add("Add", found, shift)


def _split(writer: Writer, x: str, parts: Sequence[Sequence[int]], size: int) -> list[str]:
    if len(parts) == 1:
        return [x]
    sizes = writer.whole(*(size * len(part) for part in parts))
    return writer.add_many("Split", x, sizes, count=len(parts), axis=-1)


def _part(writer: Writer, state: str, at: int, count: int) -> str:
    """One direction of a state, (B, .)."""
    if count > 1:
        axes = writer.whole(0)
        state = writer.add("Slice", state, writer.whole(at), writer.whole(at + 1), axes)
    return writer.add("Squeeze", state, writer.whole(0))
