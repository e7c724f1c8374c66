"""Nodes and constants of an ONNX graph as they are added, with names that are free."""

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper, numpy_helper

from elman.nn.graph import Array, Graph, Value

OPSET, FORMAT = 17, 8  # old enough for every runtime of today
TYPES = {"float32": 1, "int64": 7, "bool": 9}  # of onnx.TensorProto


class Writer:
    """An ONNX graph that is being written; nodes are of the domain ai.onnx.

    **Arguments:** `graph`: what is written; `decomposed`: names of ONNX's operators that are
    written as products and elementwise nodes instead, so that they can be quantised, and from how
    many hidden units on.
    """

    def __init__(self, graph: Graph, decomposed: Mapping[str, int] | None = None) -> None:
        self.graph, self.decomposed = graph, decomposed or {}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._names = {each.name for each in (*graph.inputs, *(b for b, _ in graph.states))}
        self._names |= {v.name for each in graph.operations for v in each.outputs}
        self._names |= set(graph.constants)
        self._same: dict[str, str] = {}
        for name, numbers in graph.constants.items():
            self._same[name] = self._constants.get(_key(numbers)) or self._keep(name, numbers)
        self._as_they_are = {
            self._same[value.name]
            for each in graph.operations
            for at, value in enumerate(each.inputs)
            if value.name in self._same and (each.kind, at) != ("linear", 1)
        }
        self._sizes = {
            size: (each.name, axis)
            for each in reversed((*graph.inputs, *(before for before, _ in graph.states)))
            for axis, size in enumerate(each.shape)
            if isinstance(size, str)
        }

    def inner(self) -> "Writer":
        """A writer of the nodes of a graph within: names and constants are those of this one."""
        found = copy(self)
        found.nodes = []
        return found

    def named(self, wish: str) -> str:
        """A name that nothing else has."""
        name, count = wish, 0
        while name in self._names:
            count += 1
            name = f"{wish}_{count}"
        self._names.add(name)
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, whose name is returned."""
        return self.add_many(operator, *inputs, count=1, **attributes)[0]

    def add_many(self, operator: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """A node with several outputs."""
        outputs = [self.named(operator.lower()) for _ in range(count)]
        self.nodes.append(helper.make_node(operator, list(inputs), outputs, **attributes))
        return outputs

    def rename(self, source: str, target: str) -> None:
        """Give a value the name that the graph has for it."""
        self.nodes.append(helper.make_node("Identity", [source], [target]))

    def constant(self, numbers: Array, name: str = "constant") -> str:
        """A constant; equal ones are kept once."""
        numbers = np.asarray(numbers)
        known = self._constants.get(_key(numbers))
        return self._keep(self.named(name), numbers) if known is None else known

    def source(self, value: Value) -> str:
        """The name of a value; of equal constants that of the first."""
        return self._same.get(value.name, value.name)

    def transposed(self, matrix: str) -> str:
        """A constant matrix transposed: by a node where others read it as it is, so that tied
        weights are kept once; for what is quantised, which takes constants alone, by numbers."""
        if matrix in self._as_they_are and not self.decomposed:
            return self.add("Transpose", matrix, perm=[1, 0])
        return self.constant(self.graph.constants[matrix].T.copy(), "weight")

    def whole(self, *numbers: int) -> str:
        """A constant vector of int64, such as axes and shapes."""
        return self.constant(np.array(numbers, np.int64), "axes")

    def number(self, value: float) -> str:
        """A constant float32 scalar."""
        return self.constant(np.array(value, np.float32), "number")

    def size(self, x: str, axis: int) -> str:
        """The size of an axis as an int64 vector of one number."""
        return self.add("Shape", x, start=axis, end=axis + 1)

    def shape(self, value: Value) -> str:
        """A value's shape as an int64 vector; letters are sizes of the graph's inputs."""
        return self.add("Concat", *map(self._size, value.shape), axis=0)

    def _keep(self, name: str, numbers: Array) -> str:
        self.initializers.append(numpy_helper.from_array(numbers, name))
        self._constants[_key(numbers)] = name
        return name

    def _size(self, size: int | str) -> str:
        if isinstance(size, int):
            return self.whole(size)
        first, *others = [self._factor(each) for each in size.split("*")]
        for other in others:
            first = self.add("Mul", first, other)
        return first

    def _factor(self, text: str) -> str:
        if text.isdigit():
            return self.whole(int(text))
        return self.size(*self._sizes[text])


def _key(numbers: Array) -> tuple[Any, ...]:
    return numbers.dtype.str, numbers.shape, numbers.tobytes()


def described(value: Value) -> Any:
    """The description of an input or output."""
    return helper.make_tensor_value_info(value.name, TYPES[value.dtype], list(value.shape))


def floats(numbers: npt.ArrayLike) -> Array:
    """As float32."""
    return np.ascontiguousarray(numbers, np.float32)
