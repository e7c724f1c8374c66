"""Where each value of a graph lies: the caller's arrays, the state, the constants or work space."""

from dataclasses import dataclass

from elman.export.code.sizes import ZERO, Size, of
from elman.nn.graph import Graph, Operation, Value

_SAME = ("identity", "reshape")  # kinds whose output is the input, under another name or shape


@dataclass(frozen=True)
class Region:
    """A value's place in the work space, counted in floats."""

    offset: Size
    size: Size


class Memory:
    """Gives each value an expression in C that points to its first element.

    Values that are not needed any more leave their place to later ones of the same size.
    """

    def __init__(self, graph: Graph) -> None:
        self.size: Size = ZERO  # of the work space, in floats
        self._root: dict[str, str] = {}
        self._values: dict[str, Value] = {}
        self.given = {value.name for value in graph.inputs} | {b.name for b, _ in graph.states}
        self.given |= set(graph.constants)
        self.written = {value.name for value in graph.outputs}
        self._join(graph)
        self.regions: dict[str, Region] = {}
        self._place(graph)

    def root(self, value: Value) -> str:
        """The name of the value whose place this one shares; its own if none."""
        name = value.name
        while name in self._root:
            name = self._root[name]
        return name

    def _join(self, graph: Graph) -> None:
        """Values that are other names of another value; an output takes over what makes it."""
        for operation in graph.operations:
            if operation.kind not in _SAME:
                continue
            (source,), (target,) = operation.inputs, operation.outputs
            root = self.root(source)
            if target.name not in self.written:
                self._root[target.name] = root
            elif root not in self.given and root not in self.written:
                self._root[root] = target.name

    def _place(self, graph: Graph) -> None:
        last = {}
        for at, operation in enumerate(graph.operations):
            for value in (*operation.inputs, *operation.outputs):
                last[self.root(value)] = at
        for _, after in graph.states:
            last[self.root(after)] = len(graph.operations)
        free: list[Region] = []
        for at, operation in enumerate(graph.operations):
            for value in operation.outputs:
                root = self.root(value)
                if root in self.given | self.written or root in self.regions:
                    continue
                size = of(value.shape)
                region = next((each for each in free if each.size == size), None)
                if region is None:
                    region = Region(self.size, size)
                    self.size += size
                else:
                    free.remove(region)
                self.regions[root] = region
            done = [root for root in self.regions if last.get(root) == at]
            free += [self.regions[root] for root in done]
            for root in done:
                last[root] = -1

    def is_alias(self, operation: Operation) -> bool:
        """Whether the operation only names what lies there already."""
        return operation.kind in _SAME and self.root(operation.inputs[0]) == self.root(
            operation.outputs[0]
        )
