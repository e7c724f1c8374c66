"""Recurrent layers: one step, or a whole sequence in one or both directions."""

from elman.export.code.sizes import dimension, fixed, of
from elman.export.to_c.code import at
from elman.export.to_c.program import Program
from elman.export.to_c.recurrent import first_states
from elman.nn.graph import Direction, Operation


def step(program: Program, operation: Operation) -> None:
    """One step: the new states are made where they are to stand, from copies of the old ones."""
    (x, *states), (y, *new) = operation.inputs, operation.outputs
    direction: Direction = operation.attributes["direction"]
    for before, after in zip(states, new, strict=True):
        program.copy(program.pointer(after), program.pointer(before), of(after.shape))
    _call(program, direction, program.pointer(x), [program.pointer(each) for each in new])
    program.copy(program.pointer(y), program.pointer(new[0]), of(y.shape))


def sequence(program: Program, operation: Operation) -> None:
    """All steps of a sequence, in each direction for itself."""
    (x, _, *states), (y, *last) = operation.inputs, operation.outputs
    directions: tuple[Direction, ...] = operation.attributes["directions"]
    code, width = program.code, dimension(y.shape[-1])
    features, column = dimension(x.shape[-1]), 0
    for turn, direction in enumerate(directions):
        places = []
        for index, first in enumerate(first_states(direction)):
            start = f" + {turn * len(first)}" if turn else ""
            place, size = f"{program.pointer(last[index])}{start}", fixed(len(first))
            places.append(place)
            if states:
                program.copy(place, f"{program.pointer(states[index])}{start}", size)
            elif first.any():
                program.copy(place, program.weights.vector(f"initial{index}", first), size)
            else:
                program.clear(place, size)
        with code.block("for (size_t i = 0; i < steps; i++)"):
            if direction.reverse:
                code.line("const size_t t = steps - 1 - i;")
            t = "t" if direction.reverse else "i"
            _call(program, direction, at(program.pointer(x), t, features), places)
            target = at(program.pointer(y), t, width) + (f" + {column}" if column else "")
            program.copy(target, places[0], fixed(direction.output_size))
        column += direction.output_size


def _call(program: Program, direction: Direction, x: str, states: list[str]) -> None:
    weights = ["weights"] if program.weights.external else []
    arguments = [*weights, x, *states, "layer_work"]
    program.code.line(f"{program.step(direction)}({', '.join(arguments)});")
