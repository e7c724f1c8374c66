"""Expressions: immutable, shared graphs of elementwise operations.

Equal expressions are one object (hash-consing), so that common parts are found by identity.
Simplifications keep NaN and infinity: `x * 0` stays, since x may be NaN.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.locks import ForkLock

FUNCTIONS = ("sigmoid", "tanh", "exp", "log", "sqrt", "sin", "cos", "softplus")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
LOGICAL = ("and", "or", "not")
ARITY = {
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum"), 2),
    **dict.fromkeys((*FUNCTIONS, "neg", "abs", "relu", "not"), 1),
    **dict.fromkeys((*COMPARISONS, "and", "or"), 2),
    "where": 3,
}


@dataclass(frozen=True)
class Input:
    """A named input: kind `x` (gate), `r` (recurrent product), `s` (state), `p` (parameter), ..."""

    kind: str
    index: int


class Node:
    """One operation on other nodes, a constant or an input; made by `make`, `const`, `read`."""

    __slots__ = ("__weakref__", "args", "leaf", "op")

    def __init__(self, op: str, args: tuple["Node", ...], leaf: float | Input | None) -> None:
        self.op, self.args, self.leaf = op, args, leaf

    @property
    def is_condition(self) -> bool:
        """Whether the value is true or false and not a number."""
        return self.op in COMPARISONS or self.op in LOGICAL

    def __repr__(self) -> str:
        return f"<{self.op} {self.leaf if self.leaf is not None else len(self.args)}>"


_known: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()
_lock = ForkLock()


def _shared(op: str, args: tuple[Node, ...], leaf: float | Input | None = None) -> Node:
    key = (op, args, leaf.hex() if isinstance(leaf, float) else leaf)
    with _lock:
        node = _known.get(key)
        if node is None:
            node = _known[key] = Node(op, args, leaf)
        return node


def const(value: float) -> Node:
    """A number."""
    return _shared("const", (), float(value))


def read(kind: str, index: int) -> Node:
    """An input."""
    return _shared("input", (), Input(kind, index))


def is_const(node: Node, value: float | None = None) -> bool:
    """Whether the node is a constant, and this one if a value is given."""
    return node.op == "const" and (value is None or node.leaf == value)


def make(op: str, *args: Node) -> Node:
    """The operation on the arguments, simplified and shared."""
    if op not in ARITY or len(args) != ARITY[op]:
        raise ValueError(f"no operation {op} of {len(args)} arguments")
    if op not in LOGICAL:
        start = 1 if op == "where" else 0
        args = (*args[:start], *(_number(a) for a in args[start:]))
    return _simplified(op, args) or _shared(op, args)


def _number(node: Node) -> Node:
    return make("where", node, const(1), const(0)) if node.is_condition else node


def _simplified(op: str, args: tuple[Node, ...]) -> Node | None:
    a, b = args[0], args[1] if len(args) > 1 else args[0]
    if op in ("add", "sub", "mul", "neg") and all(is_const(arg) for arg in args):
        return const(_fold(op, *(float(arg.leaf or 0) for arg in args)))  # type: ignore[arg-type]
    match op:
        case "add" if is_const(a, 0):
            return b
        case "add" | "sub" if is_const(b, 0):
            return a
        case "add" if b.op == "neg":
            return make("sub", a, b.args[0])
        case "add" if a.op == "neg":
            return make("sub", b, a.args[0])
        case "sub" if b.op == "neg":
            return make("add", a, b.args[0])
        case "sub" if is_const(a, 0):
            return make("neg", b)
        case "mul" if is_const(a) or (b.op == "neg" and a.op != "neg" and not is_const(b)):
            return make("mul", b, a)  # the constant stands last, the negation first
        case "mul" | "div" if is_const(b, 1):
            return a
        case "mul" if is_const(b, -1):
            return make("neg", a)
        case "mul" if a.op == "neg":
            return make("neg", make("mul", a.args[0], b))
        case "neg" | "not" if a.op == op:
            return a.args[0]
        case "where" if args[1] is args[2]:
            return args[1]
    return None


def _fold(op: str, a: float, b: float = 0.0) -> float:
    return {"add": a + b, "sub": a - b, "mul": a * b, "neg": -a}[op]


def order(outputs: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """All nodes that the outputs need, arguments first; not looking below those in `stop`."""
    leaves, seen, ordered = set(stop), set[Node](), list[Node]()
    for output in outputs:
        stack = [(output, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                ordered.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if node not in leaves:
                    stack.extend((arg, False) for arg in reversed(node.args) if arg not in seen)
    return ordered


def text(outputs: Iterable[Node]) -> str:
    """The graph as lines `%3 = mul %1 %2`, the last of which names the outputs.

    >>> print(text([make("tanh", make("add", read("x", 0), read("r", 0)))]))
    %0 = x 0
    %1 = r 0
    %2 = add %0 %1
    %3 = tanh %2
    return %3
    """
    outputs = list(outputs)
    names: dict[Node, str] = {}
    lines = []
    for node in order(outputs):
        names[node] = f"%{len(names)}"
        if isinstance(node.leaf, Input):
            right = f"{node.leaf.kind} {node.leaf.index}"
        elif node.leaf is not None:
            right = f"const {node.leaf!r}"
        else:
            right = " ".join([node.op, *(names[arg] for arg in node.args)])
        lines.append(f"{names[node]} = {right}")
    return "\n".join([*lines, " ".join(["return", *(names[each] for each in outputs)])])


def parse(lines: str) -> tuple[Node, ...]:
    """The outputs that `text` wrote."""
    nodes: dict[str, Node] = {}
    for line in lines.splitlines():
        if line.startswith("return"):
            return tuple(nodes[name] for name in line.split()[1:])
        name, _, op, *rest = line.split()
        if op == "const":
            nodes[name] = const(float(rest[0]))
        elif op in ARITY:
            nodes[name] = make(op, *(nodes[arg] for arg in rest))
        else:
            nodes[name] = read(op, int(rest[0]))
    raise ValueError("an expression's text must end in a line `return ...`")


_ON_TENSORS = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "neg": torch.neg,
    "softplus": F.softplus,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "not": torch.logical_not,
}


def evaluate(outputs: Iterable[Node], inputs: Mapping[Node, Tensor]) -> list[Tensor]:
    """The outputs' values on tensors: what a kernel of them has to compute."""
    outputs = list(outputs)
    values = dict(inputs)
    like = next(iter(inputs.values()))
    for node in order(outputs, inputs):
        if node in values:
            continue
        if node.op == "const":
            values[node] = torch.as_tensor(node.leaf, dtype=like.dtype).expand(like.shape)
        else:
            function: Any = _ON_TENSORS.get(node.op) or getattr(torch, node.op)
            values[node] = function(*(values[arg] for arg in node.args))
    return [values[each] for each in outputs]
