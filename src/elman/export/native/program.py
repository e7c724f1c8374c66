"""Native code of a graph in the making: where values lie, and loops over several of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I32
from elman.errors import ExportError
from elman.export.native.constants import Constants
from elman.export.native.products import Product, filled
from elman.export.native.recurrent import Layer
from elman.export.native.writer import Writer
from elman.export.to_c.memory import Memory
from elman.export.to_c.sizes import ONE, ZERO, Size, dimensions, strides
from elman.nn.graph import Array, Direction, Graph, Value


@dataclass(frozen=True)
class Place:
    """Where an operand's element lies; `single` if it is the same for all elements of a vector."""

    base: Any
    offset: Any
    single: bool
    dtype: str


class Parts:
    """What the functions of one module share: constants and the layers made of them."""

    def __init__(self, module: ir.Module) -> None:
        self.module, self.constants = module, Constants(module)
        self._layers: dict[int, tuple[Direction, Layer]] = {}

    def product(self, code: Writer, matrix: Array) -> Product:
        """A matrix packed for products; of equal ones there is one."""
        return Product(self.constants, code.shape, matrix)

    def filled(self, code: Writer, numbers: Array) -> Any:
        """The address of a constant, filled up to whole vectors."""
        return self.constants.place(filled(numbers, code.shape.lanes))

    def layer(self, code: Writer, direction: Direction) -> Layer:
        """A direction's constants; those of equal weights are shared."""
        if id(direction) not in self._layers:
            self._layers[id(direction)] = direction, Layer(self.constants, code.shape, direction)
        return self._layers[id(direction)][1]


class Program:
    """A graph's values within a function that has `work` and `steps` as arguments.

    `given` holds the addresses of inputs, states and outputs by name.
    """

    def __init__(self, graph: Graph, code: Writer, parts: Parts, given: dict[str, Any]) -> None:
        self.graph, self.code, self.parts, self.given = graph, code, parts, given
        self.memory = Memory(graph)
        self.extra = 0  # numbers that operations need besides the values, one after the other

    def pointer(self, value: Value) -> Any:
        """The address of a value's first element."""
        root = self.memory.root(value)
        if root in self.graph.constants:
            return self.parts.constants.place(self.graph.constants[root])
        if root in self.given:
            return self.given[root]
        return self.code.at(self.code["work"], self.code.size(self.memory.regions[root].offset))

    def constant(self, value: Value) -> Array | None:
        """The numbers of a value that is a constant."""
        return self.graph.constants.get(self.memory.root(value))

    def weight(self, value: Value) -> Array:
        """The numbers of a value that has to be a constant."""
        numbers = self.constant(value)
        if numbers is None:
            raise ExportError(
                f'{value.name} is computed, and native code needs a weight there: use to="onnx"'
            )
        return numbers

    def room(self, count: int) -> Any:
        """The address of so many numbers, used by one operation alone."""
        self.extra = max(self.extra, count)
        return self.code["room"]

    def nest(
        self, shape: Sequence[Size], *operands: tuple[Value, Sequence[Size]], single: bool = False
    ) -> Iterator[list[Place]]:
        """Write loops over a shape: yields where each operand's elements lie, by its strides;
        more than once, for vectors and for what is left. With `single` element by element."""
        steps_of = [steps for _, steps in operands]
        dims = _merged(shape, steps_of)
        bases = [self.pointer(value) for value, _ in operands]
        kinds = [value.dtype for value, _ in operands]
        for offsets, flags in self._nested(dims, [0] * len(operands), single=single):
            yield [Place(*each) for each in zip(bases, offsets, flags, kinds, strict=True)]

    def _nested(
        self, dims: list[tuple[Size, list[Size]]], offsets: list[Any], *, single: bool
    ) -> Iterator[tuple[list[Any], list[bool]]]:
        code = self.code
        if not dims:
            with code.scalars():
                yield offsets, [True] * len(offsets)
            return
        (size, steps), *rest = dims
        if rest:
            with code.loop(0, code.size(size)) as index:
                yield from self._nested(rest, self._moved(offsets, index, steps), single=single)
        elif single or any(step not in (ZERO, ONE) for step in steps):
            with code.scalars(), code.loop(0, code.size(size)) as index:
                yield self._moved(offsets, index, steps), [True] * len(offsets)
        else:
            for index in code.elements(code.size(size)):
                yield self._moved(offsets, index, steps), [step == ZERO for step in steps]

    def _moved(self, offsets: list[Any], index: Any, steps: list[Size]) -> list[Any]:
        code = self.code
        return [
            offset if step == ZERO else code.sum(offset, (index, code.size(step)))
            for offset, step in zip(offsets, steps, strict=True)
        ]

    def load(self, place: Place) -> Any:
        """A vector of float32, of int32, or of conditions."""
        code = self.code
        whole = place.dtype != "float32"
        scalar, vector = (I32, code.integers) if whole else (code.scalar, code.vector)
        address = code.at(place.base, place.offset, scalar)
        if place.single:
            value = code.spread(code.b.load(address, typ=scalar, align=4), vector)
        else:
            value = code.b.load(address, typ=vector, align=4)
        if place.dtype == "bool":
            return code.b.icmp_signed("!=", value, ir.Constant(vector, None))
        return value

    def store(self, value: Any, place: Place) -> None:
        """Write a vector; conditions become 0 and 1."""
        code = self.code
        if place.dtype == "bool":
            value = code.b.zext(value, code.integers)
        kind = code.scalar if place.dtype == "float32" else I32
        code.b.store(value, code.at(place.base, place.offset, kind), align=4)

    def copy(
        self,
        target: Value,
        source: Value,
        shape: Sequence[Size],
        into: Sequence[Size],
        steps: Sequence[Size],
        *,
        start: Size = ZERO,
        offset: Size = ZERO,
    ) -> None:
        """Copy elements over a shape, written with the strides `into` from `start` on and read
        with the strides `steps` from `offset` on."""
        code = self.code
        for to, place in self.nest(shape, (target, into), (source, steps)):
            moved = Place(
                place.base, code.sum(place.offset, code.size(offset)), place.single, place.dtype
            )
            there = Place(to.base, code.sum(to.offset, code.size(start)), to.single, to.dtype)
            self.store(self.load(moved), there)


def _merged(
    shape: Sequence[Size], steps_of: Sequence[Sequence[Size]]
) -> list[tuple[Size, list[Size]]]:
    """The dimensions with their strides; those that lie side by side in every operand are one."""
    merged: list[tuple[Size, list[Size]]] = []
    for axis, size in enumerate(shape):
        steps = [each[axis] for each in steps_of]
        if size == ONE:
            continue
        if merged and all(a == b * size for a, b in zip(merged[-1][1], steps, strict=True)):
            merged[-1] = (merged[-1][0] * size, steps)
        else:
            merged.append((size, steps))
    return merged


def stretched(value: Value, shape: Sequence[Size]) -> tuple[Size, ...]:
    """The strides of a value over a shape that it is broadcast to."""
    own = dimensions(value.shape)
    steps = (ZERO if size == ONE else step for size, step in zip(own, strides(own), strict=True))
    return (*(ZERO,) * (len(shape) - len(own)), *steps)
