"""Recurrent layers of a graph: one step, or a whole sequence in one or both directions."""

from typing import Any

import numpy as np

from elman.compiler.trace import parse_equations
from elman.export.native.program import Program
from elman.export.native.recurrent import Layer
from elman.nn.graph import Array, Direction, Operation


def step(program: Program, operation: Operation) -> None:
    """One step, from the states as they are."""
    (x, *states), (y, *new) = operation.inputs, operation.outputs
    code = program.code
    layer = program.parts.layer(code, operation.attributes["direction"])
    places = _places(program, layer, 1)
    for place, state, size in zip(places.states, states, _sizes(layer.direction), strict=True):
        code.copy_exact(program.pointer(state), place, size)
    layer.gates(code, program.pointer(x), places.gates)
    layer.advance(code, places.gates, places.states, places.scratch)
    for place, after, size in zip(places.states, new, _sizes(layer.direction), strict=True):
        code.copy_exact(place, program.pointer(after), size)
    code.copy_exact(places.states[0], program.pointer(y), layer.direction.output_size)


def sequence(program: Program, operation: Operation) -> None:
    """All steps of a sequence, in each direction for itself; several steps' gate inputs at once."""
    (x, _, *states), (y, *last) = operation.inputs, operation.outputs
    code, column = program.code, 0
    features, width = int(x.shape[-1]), int(y.shape[-1])
    for turn, direction in enumerate(operation.attributes["directions"]):
        layer = program.parts.layer(code, direction)
        at_once = layer.inputs.rows_at_once
        places, sizes = _places(program, layer, at_once[0]), _sizes(direction)
        for index, (place, size) in enumerate(zip(places.states, sizes, strict=True)):
            if states:
                source = code.at(program.pointer(states[index]), turn * size)
            else:
                source = program.parts.constants.place(_initial(direction, index, size))
            code.copy_exact(source, place, size)
        inputs, outputs = program.pointer(x), code.at(program.pointer(y), column)
        start: Any = code.whole(0)
        for count in (*at_once, 1):
            stop = code.mul(code.b.udiv(code["steps"], code.whole(count)), count)
            with code.loop(start, stop, count) as i:
                first = code.sub(code.sub(code["steps"], i), count) if direction.reverse else i
                layer.gates(code, code.at(inputs, code.mul(first, features)), places.gates, count)
                with code.loop(0, count) as each:
                    row = code.sub(count - 1, each) if direction.reverse else each
                    gates = code.at(places.gates, code.mul(row, layer.gates_size))
                    layer.advance(code, gates, places.states, places.scratch)
                    target = code.at(outputs, code.mul(code.add(first, row), width))
                    code.copy_exact(places.states[0], target, direction.output_size)
            start = stop
        for index, (place, size) in enumerate(zip(places.states, sizes, strict=True)):
            code.copy_exact(place, code.at(program.pointer(last[index]), turn * size), size)
        column += direction.output_size


class _Places:
    def __init__(self, gates: Any, scratch: Any, states: list[Any]) -> None:
        self.gates, self.scratch, self.states = gates, scratch, states


def _places(program: Program, layer: Layer, steps: int) -> _Places:
    code, count = program.code, layer.step.states
    sizes = [layer.gates_size * steps, layer.scratch_size, *[layer.state_size] * count]
    base = program.room(sum(sizes))
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    gates, scratch, *states = (code.at(base, start) for start in starts)
    return _Places(gates, scratch, states)


def _sizes(direction: Direction) -> list[int]:
    count = parse_equations(direction.equations).states
    return [direction.output_size, *[direction.hidden_size] * (count - 1)]


def _initial(direction: Direction, index: int, size: int) -> Array:
    return np.zeros(size, np.float32) if direction.initial is None else direction.initial[index]
