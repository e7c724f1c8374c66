"""Reverse-mode derivatives of expressions, as expressions.

Where a function has no derivative the choice is torch's: 0 for relu and abs at 0, and half of
the gradient to each side of maximum and minimum at a tie.
"""

from collections.abc import Callable, Iterable, Mapping

from elman.compiler.expression import Node, const, make, order

ZERO, HALF, ONE = const(0), const(0.5), const(1)
Adjoints = tuple[Node | None, ...]


def gradient(
    outputs: Mapping[Node, Node], inputs: Iterable[Node], also: Iterable[tuple[Node, Node]] = ()
) -> list[Node | None]:
    """Gradients with respect to the inputs, None where nothing depends on one.

    **Arguments:** `outputs` maps each output to its own gradient; `also` adds further pairs.
    """
    pairs = [*outputs.items(), *also]
    adjoint: dict[Node, Node] = {}

    def accumulate(node: Node, value: Node) -> None:
        adjoint[node] = make("add", adjoint[node], value) if node in adjoint else value

    for node, value in pairs:
        accumulate(node, value)
    for node in reversed(order(node for node, _ in pairs)):
        if node in adjoint and node.op in _RULES:
            for arg, share in zip(node.args, _RULES[node.op](node, adjoint[node]), strict=True):
                if share is not None and arg.op != "const":
                    accumulate(arg, share)
    return [adjoint.get(node) for node in inputs]


def _mul(a: Node, b: Node) -> Node:
    return make("mul", a, b)


def _sub(a: Node, b: Node) -> Node:
    return make("sub", a, b)


def _div(n: Node, d: Node) -> Adjoints:
    b = n.args[1]
    return make("div", d, b), None if b.op == "const" else make("neg", make("div", _mul(d, n), b))


def _abs(n: Node, d: Node) -> Adjoints:
    x = n.args[0]
    below = make("where", make("lt", x, ZERO), const(-1), ZERO)
    return (_mul(d, make("where", make("gt", x, ZERO), ONE, below)),)


def _softplus(n: Node, d: Node) -> Adjoints:
    x = n.args[0]
    return (make("where", make("gt", x, const(20)), d, _mul(d, make("sigmoid", x))),)


def _extreme(first_loses: str, second_loses: str) -> Callable[[Node, Node], Adjoints]:
    def rule(n: Node, d: Node) -> Adjoints:
        a, b = n.args
        shared = make("where", make("eq", a, b), _mul(d, HALF), d)
        return (
            make("where", make(first_loses, a, b), ZERO, shared),
            make("where", make(second_loses, a, b), ZERO, shared),
        )

    return rule


_RULES: dict[str, Callable[[Node, Node], Adjoints]] = {
    "add": lambda _, d: (d, d),
    "sub": lambda _, d: (d, make("neg", d)),
    "neg": lambda _, d: (make("neg", d),),
    "mul": lambda n, d: (_mul(d, n.args[1]), _mul(d, n.args[0])),
    "div": _div,
    "sigmoid": lambda n, d: (_mul(d, _mul(n, _sub(ONE, n))),),
    "tanh": lambda n, d: (_mul(d, _sub(ONE, _mul(n, n))),),
    "exp": lambda n, d: (_mul(d, n),),
    "log": lambda n, d: (make("div", d, n.args[0]),),
    "sqrt": lambda n, d: (make("div", _mul(d, HALF), n),),
    "sin": lambda n, d: (_mul(d, make("cos", n.args[0])),),
    "cos": lambda n, d: (make("neg", _mul(d, make("sin", n.args[0]))),),
    "abs": _abs,
    "relu": lambda n, d: (make("where", make("le", n, ZERO), ZERO, d),),
    "softplus": _softplus,
    "maximum": _extreme("lt", "gt"),
    "minimum": _extreme("gt", "lt"),
    "where": lambda n, d: (
        None,
        make("where", n.args[0], d, ZERO),
        make("where", n.args[0], ZERO, d),
    ),
}
