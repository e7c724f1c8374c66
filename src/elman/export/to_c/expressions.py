"""Elementwise operations as C expressions."""

from collections.abc import Callable, Sequence

from elman.compiler.expression import Input, Node, order
from elman.export.to_c.literals import number

ON_WHOLE_NUMBERS = ("add", "sub", "mul", "neg", "where")  # what int32_t takes as it stands
_OPERATORS = {
    **{"add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&&", "or": "||"},
    **{"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="},
}
_LIBRARY = {"abs": "fabsf", "sqrt": "sqrtf", "log": "logf", "sin": "sinf", "cos": "cosf"}
_OWN = ("exp", "sigmoid", "tanh", "softplus", "relu", "maximum", "minimum")

Use = Callable[[str], str]  # makes the name of a function of the runtime and has it emitted


def apply(op: str, arguments: Sequence[str], use: Use) -> str:
    """One operation on floats that are names or literals.

    >>> apply("add", ["a", "b"], str), apply("tanh", ["a"], str)
    ('a + b', 'tanh(a)')
    """
    if op in _OPERATORS:
        return f" {_OPERATORS[op]} ".join(arguments)
    if op in _LIBRARY:
        return f"{_LIBRARY[op]}({arguments[0]})"
    if op in _OWN:
        return f"{use(op)}({', '.join(arguments)})"
    if op == "neg":
        return f"-{arguments[0]}"
    if op == "not":
        return f"!{arguments[0]}"
    if op == "where":
        return "{} ? {} : {}".format(*arguments)
    raise KeyError(op)


def operand(value: float) -> str:
    """A number as an operand of an expression."""
    literal = number(value)
    return f"({literal})" if literal.startswith("-") else literal


def statements(
    outputs: Sequence[Node], read: Callable[[Input], str], use: Use
) -> tuple[list[str], list[str]]:
    """Statements that compute nodes, and the names that these have then.

    `read` is how an input is read in C.
    """
    names: dict[Node, str] = {}
    lines: list[str] = []
    for node in order(outputs):
        if isinstance(node.leaf, float):
            names[node] = operand(node.leaf)
            continue
        if node.leaf is not None:
            right = read(node.leaf)
        else:
            right = apply(node.op, [names[each] for each in node.args], use)
        names[node] = f"v{len(lines)}"
        kind = "int" if node.is_condition else "float"
        lines.append(f"const {kind} {names[node]} = {right};")
    return lines, [names[each] for each in outputs]
