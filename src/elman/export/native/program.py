"""Native code of a graph in the making: where values lie, and loops over several of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import llvmlite.ir as ir

from elman.compiler.cpu.emit import I32
from elman.errors import ExportError
from elman.export.code.memory import Memory
from elman.export.code.operations import Move, merged
from elman.export.code.sizes import ONE, ZERO, Size
from elman.export.native.constants import Constants
from elman.export.native.products import Product, filled
from elman.export.native.recurrent import Layer
from elman.export.native.writer import Writer
from elman.nn.graph import Array, Direction, Graph, Value

ELEMENTS = {"float32": ir.FloatType(), "int64": I32, "bool": ir.IntType(8)}  # as C has them
_BYTES = {"float32": 4, "int64": 4, "bool": 1}


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
        dims = merged(shape, steps_of)
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
        scalar = ELEMENTS[place.dtype]
        vector = ir.VectorType(scalar, code.lanes)
        address = code.at(place.base, place.offset, scalar)
        if place.single:
            value = code.spread(code.b.load(address, typ=scalar, align=_BYTES[place.dtype]), vector)
        else:
            value = code.b.load(address, typ=vector, align=_BYTES[place.dtype])
        if place.dtype == "bool":
            return code.b.icmp_signed("!=", value, ir.Constant(vector, None))
        return value

    def store(self, value: Any, place: Place) -> None:
        """Write a vector; conditions become 0 and 1."""
        code = self.code
        kind = ELEMENTS[place.dtype]
        if place.dtype == "bool":
            value = code.b.zext(value, ir.VectorType(kind, code.lanes))
        code.b.store(value, code.at(place.base, place.offset, kind), align=_BYTES[place.dtype])

    def move(self, move: Move) -> None:
        """Copy elements over a shape."""
        code = self.code
        operands = (move.target, move.into), (move.source, move.steps)
        for to, place in self.nest(move.shape, *operands):
            start, offset = (code.size(each) for each in (move.start, move.offset))
            value = self.load(replace(place, offset=code.sum(place.offset, offset)))
            self.store(value, replace(to, offset=code.sum(to.offset, start)))
