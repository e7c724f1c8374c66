"""Recurrent layers in ONNX: its own operators where they compute the same, else the equations."""

from typing import Any, NamedTuple

import numpy as np
from onnx import helper

from elman.compiler.expression import read
from elman.compiler.trace import parse_equations
from elman.export.to_onnx.expressions import evaluate
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
    new = _step(writer, direction, _gates(writer, direction, x), own)
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
    if found is None or found.name in writer.decomposed or directions[0].reverse:
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


def _scan(
    writer: Writer, direction: Direction, x: str, states: list[str], lengths: str
) -> list[str]:
    """The equations over time. One step of padding is added, as runtimes refuse to scan nothing."""
    size = writer.size(x, 0)
    one = writer.add("Concat", writer.whole(1), writer.size(x, 1), writer.size(x, 2), axis=0)
    padding = writer.add("Expand", writer.number(0.0), one)
    gates = _gates(writer, direction, writer.add("Concat", x, padding, axis=0))
    end = writer.add("Squeeze", size)
    steps = writer.add(
        "Range",
        *(writer.constant(np.array(n, np.int64), "n") for n in (0,)),
        writer.add("Add", end, writer.constant(np.array(1, np.int64), "n")),
        writer.constant(np.array(1, np.int64), "n"),
    )
    steps = writer.add("Unsqueeze", steps, writer.whole(1))
    mask = writer.add("Less", steps, writer.add("Unsqueeze", lengths, writer.whole(0)))
    mask = writer.add("Unsqueeze", mask, writer.whole(2))
    body = _body(writer, direction, len(states))
    backwards = [int(direction.reverse)]
    *last, output = writer.add_many(
        "Scan",
        *states,
        gates,
        mask,
        count=len(states) + 1,
        body=body,
        num_scan_inputs=2,
        scan_input_directions=backwards * 2,
        scan_output_directions=backwards,
    )
    output = writer.add("Slice", output, writer.whole(0), size, writer.whole(0))
    return [output, *last]


def _body(writer: Writer, direction: Direction, count: int) -> Any:
    """One step under a mask as a graph of its own; its constants belong to the graph around."""
    inner = writer.inner()
    sizes = [direction.output_size, *(direction.hidden_size,) * (count - 1)]
    old = [inner.named("old") for _ in sizes]
    gates, mask = inner.named("gates"), inner.named("mask")
    new = _step(inner, direction, gates, old)
    names = [
        inner.add("Where", mask, after, before) for after, before in zip(new, old, strict=True)
    ]
    output = inner.add("Where", mask, new[0], inner.number(0.0))

    def described(name: str, size: int, kind: str = "float32") -> Any:
        return helper.make_tensor_value_info(name, TYPES[kind], [None, size])

    pairs = list(zip(names, sizes, strict=True))
    width = len(direction.weight_ih)
    return helper.make_graph(
        inner.nodes,
        "step",
        [
            *(described(name, size) for name, size in zip(old, sizes, strict=True)),
            described(gates, width),
            described(mask, 1, "bool"),
        ],
        [*(described(name, size) for name, size in pairs), described(output, sizes[0])],
    )


def _step(writer: Writer, direction: Direction, gates: str, states: list[str]) -> list[str]:
    """The new states, (B, .) each, from the gate inputs, (B, G*H)."""
    equations = parse_equations(direction.equations)
    inputs = {read("s", i): name for i, name in enumerate(states)}
    parts = _split(writer, gates, equations.gates)
    inputs |= {read("x", i): name for i, name in enumerate(parts)}
    if direction.weight_hh is not None:
        products = _product(
            writer, states[0], direction.weight_hh, direction.bias_hh, direction.norm_hh
        )
        parts = _split(writer, products, len(equations.recurrent))
        inputs |= {read("r", i): name for i, name in enumerate(parts)}
    for i, each in enumerate(direction.params):
        inputs[read("p", i)] = writer.constant(floats(each), "parameter")
    new = evaluate(writer, equations.new, inputs)
    if direction.weight_hr is not None:
        new[0] = _product(writer, new[0], direction.weight_hr, None, None)
    return new


def _gates(writer: Writer, direction: Direction, x: str) -> str:
    """The gate inputs, (..., G*H)."""
    return _product(writer, x, direction.weight_ih, direction.bias_ih, direction.norm_ih)


def _product(writer: Writer, x: str, weight: Array, bias: Array | None, gain: Array | None) -> str:
    found = writer.add("MatMul", x, writer.constant(floats(weight.T), "weight"))
    shift = None if bias is None else writer.constant(floats(bias), "bias")
    if gain is not None:
        terms = [writer.constant(floats(gain), "gain"), *([] if shift is None else [shift])]
        return writer.add("LayerNormalization", found, *terms, axis=-1, epsilon=_EPSILON)
    return found if shift is None else writer.add("Add", found, shift)


def _split(writer: Writer, x: str, count: int) -> list[str]:
    return [x] if count == 1 else writer.add_many("Split", x, count=count, axis=-1)


def _part(writer: Writer, state: str, at: int, count: int) -> str:
    """One direction of a state, (B, .)."""
    if count > 1:
        axes = writer.whole(0)
        state = writer.add("Slice", state, writer.whole(at), writer.whole(at + 1), axes)
    return writer.add("Squeeze", state, writer.whole(0))
