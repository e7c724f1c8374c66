"""Elementwise operations and a cell's equations as ONNX nodes."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from elman.compiler.expression import Node, order

_OPERATORS = {
    **{"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg"},
    **{"sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt"},
    **{"sin": "Sin", "cos": "Cos", "softplus": "Softplus", "abs": "Abs", "relu": "Relu"},
    **{"maximum": "Max", "minimum": "Min", "where": "Where"},
    **{"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"},
    **{"eq": "Equal", "and": "And", "or": "Or", "not": "Not"},
}


class Nodes(Protocol):
    """What nodes are added to; values are their names or whatever stands for them."""

    def add(self, operator: str, *inputs: Any, **attributes: Any) -> Any:
        """A node with one output."""

    def number(self, value: float) -> Any:
        """A constant float32 scalar."""


def elementwise(writer: Nodes, name: str, *operands: Any) -> Any:
    """One operation of `elman.compiler.expression.ARITY`."""
    if name == "ne":
        return writer.add("Not", writer.add("Equal", *operands))
    return writer.add(_OPERATORS[name], *operands)


def evaluate(writer: Nodes, outputs: Iterable[Node], inputs: Mapping[Node, Any]) -> list[Any]:
    """The outputs' values, from those of the inputs."""
    outputs = list(outputs)
    names = dict(inputs)
    for node in order(outputs, inputs):
        if node in names:
            continue
        if node.op == "const":
            names[node] = writer.number(float(node.leaf or 0.0))  # type: ignore[arg-type]
        else:
            names[node] = elementwise(writer, node.op, *(names[arg] for arg in node.args))
    return [names[each] for each in outputs]
