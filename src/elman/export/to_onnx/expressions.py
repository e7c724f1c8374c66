"""Elementwise operations and a cell's equations as ONNX nodes."""

from collections.abc import Iterable, Mapping

from elman.compiler.expression import Node, order
from elman.export.to_onnx.writer import Writer

_OPERATORS = {
    **{"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg"},
    **{"sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt"},
    **{"sin": "Sin", "cos": "Cos", "softplus": "Softplus", "abs": "Abs", "relu": "Relu"},
    **{"maximum": "Max", "minimum": "Min", "where": "Where"},
    **{"lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"},
    **{"eq": "Equal", "and": "And", "or": "Or", "not": "Not"},
}


def elementwise(writer: Writer, name: str, *operands: str) -> str:
    """One operation of `elman.compiler.expression.ARITY`."""
    if name == "ne":
        return writer.add("Not", writer.add("Equal", *operands))
    return writer.add(_OPERATORS[name], *operands)


def evaluate(writer: Writer, outputs: Iterable[Node], inputs: Mapping[Node, str]) -> list[str]:
    """The outputs' names, from those of the inputs."""
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
