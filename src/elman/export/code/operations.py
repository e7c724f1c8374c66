"""Operations that every target of code treats alike: other names of a value, and numbers moved."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from elman.errors import ExportError
from elman.export.code.memory import Memory
from elman.export.code.sizes import ONE, ZERO, Size, dimensions, fixed, strides
from elman.nn.graph import Operation, Value

_MOVES = ("identity", "reshape", "concat", "slice", "transpose", "repeat")


@dataclass(frozen=True)
class Move:
    """Elements copied over a shape: written with the strides `into` from `start` on, and read with
    the strides `steps` from `offset` on."""

    target: Value
    source: Value
    shape: Sequence[Size]
    into: Sequence[Size]
    steps: Sequence[Size]
    start: Size = ZERO
    offset: Size = ZERO


class Program(Protocol):
    """What a target's program has for it."""

    memory: Memory

    def move(self, move: Move) -> None:
        """Copy elements."""


P = TypeVar("P", bound=Program)


def write(
    program: P, operation: Operation, kinds: Mapping[str, Callable[[P, Operation], None]]
) -> None:
    """Add an operation's code to a program; `kinds` are those that the target writes itself.

    **Raises:** `ExportError` for an operation that is not known.
    """
    if program.memory.is_alias(operation):
        return
    if operation.kind in kinds:
        kinds[operation.kind](program, operation)
    elif operation.kind in _MOVES:
        for move in moves(operation):
            program.move(move)
    else:
        raise ExportError(
            f'the operation "{operation.kind}" has no form in C or in machine code: use to="onnx"'
        )


def moves(operation: Operation) -> Iterator[Move]:
    """The copies that an operation consists of that computes nothing."""
    x, (y,), kind = operation.inputs[0], operation.outputs, operation.kind
    shape, steps = dimensions(y.shape), strides(dimensions(x.shape))
    into = strides(shape)
    if kind == "concat":
        axis, start = operation.attributes["axis"], ZERO
        for part in operation.inputs:
            own = dimensions(part.shape)
            yield Move(y, part, own, into, strides(own), start=start)
            start += own[axis] * into[axis]
    elif kind == "slice":
        axis = operation.attributes["axis"]
        yield Move(y, x, shape, into, steps, offset=steps[axis] * fixed(_first(operation)))
    elif kind == "transpose":
        yield Move(y, x, shape, into, [steps[axis] for axis in operation.attributes["order"]])
    elif kind == "repeat":
        yield Move(y, x, shape, into, stretched(x, shape))
    else:
        yield Move(y, x, shape, into, into)


def _first(operation: Operation) -> int:
    """The first entry of a slice, counted from the front."""
    start, axis = operation.attributes["start"], operation.attributes["axis"]
    size = dimensions(operation.inputs[0].shape)[axis].number
    if start < 0 and size is None:
        raise ExportError(
            "a slice counted from the end of a sequence has no form in C or in machine code: use"
            ' to="onnx"'
        )
    return int(start + (size or 0) if start < 0 else start)


def stretched(value: Value, shape: Sequence[Size]) -> tuple[Size, ...]:
    """The strides of a value over a shape that it is broadcast to."""
    own = dimensions(value.shape)
    steps = (ZERO if size == ONE else step for size, step in zip(own, strides(own), strict=True))
    return (*(ZERO,) * (len(shape) - len(own)), *steps)


def merged(
    shape: Sequence[Size], steps_of: Sequence[Sequence[Size]]
) -> list[tuple[Size, list[Size]]]:
    """The dimensions with their strides; those that lie side by side in every operand are one."""
    found: list[tuple[Size, list[Size]]] = []
    for axis, size in enumerate(shape):
        steps = [each[axis] for each in steps_of]
        if size == ONE:
            continue
        if found and all(a == b * size for a, b in zip(found[-1][1], steps, strict=True)):
            found[-1] = (found[-1][0] * size, steps)
        else:
            found.append((size, steps))
    return found
