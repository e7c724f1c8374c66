"""A C program in the making: what every operation adds its statements to."""

from elman.export.code.elements import ELEMENTS, identifier
from elman.export.code.memory import Memory
from elman.export.code.operations import Move
from elman.export.code.sizes import Size
from elman.export.to_c import recurrent
from elman.export.to_c.code import Code, factor, moved
from elman.export.to_c.expressions import operand
from elman.export.to_c.runtime import Runtime
from elman.export.to_c.weights import Weights
from elman.nn.graph import Array, Direction, Graph, Value


class Program:
    """The parts of a source: functions, constants, and the statements that compute the graph.

    `prefix` begins every name of the source that others could see; it ends with an underscore.
    """

    def __init__(self, graph: Graph, prefix: str, *, int8: bool, external: bool) -> None:
        self.graph, self.prefix = graph, prefix
        self.runtime = Runtime(prefix)
        self.weights = Weights(self.runtime, int8=int8, external=external)
        self.memory = Memory(graph)
        self.code = Code(1)
        self.functions: list[str] = []
        self.work = 0  # floats that the functions of layers need, one after the other
        self._steps: dict[int, str] = {}

    def pointer(self, value: Value) -> str:
        """The name in C of the array that holds a value."""
        root = self.memory.root(value)
        if root in self.graph.constants:
            return self.weights.vector(root, self.graph.constants[root])
        return identifier(root)

    def element(self, value: Value, index: str) -> str:
        """One element of a value in C; a constant of one element is a literal."""
        numbers = self.graph.constants.get(self.memory.root(value))
        if numbers is not None and numbers.size == 1:
            found = numbers.item()
            return operand(found) if isinstance(found, float) else str(int(found))
        return f"{self.pointer(value)}[{index}]"

    def constant(self, value: Value) -> Array | None:
        """The numbers of a value that is a constant."""
        return self.graph.constants.get(self.memory.root(value))

    def declare(self, value: Value) -> None:
        """Declare the pointer to a value that lies in the work space."""
        region = self.memory.regions.get(self.memory.root(value))
        if region is None or self.memory.root(value) != value.name:
            return
        kind, place = ELEMENTS[value.dtype], moved("work", region.offset)
        place = place if kind == "float" else f"({kind} *)(void *)({place})"
        self.code.line(f"{kind} *const {identifier(value.name)} = {place};")

    def check_range(self, index: str, size: Size) -> None:
        """Return an error unless 0 <= index < size."""
        limit = size.c if size.number is not None else f"(int32_t)({size.c})"
        with self.code.block(f"if ({index} < 0 || {index} >= {limit})"):
            self.code.line(f"return {self.prefix.upper()}RANGE;")

    def copy(self, target: str, source: str, count: Size, kind: str = "float") -> None:
        """Copy elements that lie side by side."""
        self.code.line(f"memcpy({target}, {source}, {factor(count)} * sizeof({kind}));")

    def clear(self, target: str, count: Size) -> None:
        """Set floats to 0."""
        self.code.line(f"memset({target}, 0, {factor(count)} * sizeof(float));")

    def move(self, move: Move) -> None:
        """Copy elements over a shape."""
        with self.code.nest(move.shape, move.into, move.steps) as (to, place):
            left = self.element(move.target, moved(to, move.start))
            self.code.line(f"{left} = {self.element(move.source, moved(place, move.offset))};")

    def step(self, direction: Direction) -> str:
        """The function of one step of a direction of a layer; defined once."""
        if id(direction) not in self._steps:
            name = f"{self.prefix}layer{len(self._steps)}"
            self._steps[id(direction)] = name
            self.functions.append(recurrent.function(name, direction, self.weights, self.runtime))
            self.work = max(self.work, recurrent.work(direction))
        return self._steps[id(direction)]
