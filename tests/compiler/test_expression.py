import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from elman.compiler.derivative import gradient
from elman.compiler.expression import Node, const, evaluate, make, order, parse, read, text

X, Y = read("x", 0), read("x", 1)
INPUTS = (X, Y)
UNARY = ("sigmoid", "tanh", "exp", "sin", "cos", "softplus", "neg", "abs", "relu")
BINARY = ("add", "sub", "mul", "maximum", "minimum")


def nodes(depth: int = 5) -> st.SearchStrategy[Node]:
    leaves = st.sampled_from(INPUTS) | st.floats(-2, 2).map(lambda v: const(round(v, 2)))

    def grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        unary = st.builds(make, st.sampled_from(UNARY), inner)
        binary = st.builds(make, st.sampled_from(BINARY), inner, inner)
        condition = st.builds(make, st.sampled_from(("lt", "le", "gt", "ge")), inner, inner)
        choice = st.builds(lambda c, a, b: make("where", c, a, b), condition, inner, inner)
        safe = st.builds(
            lambda a, b: make("div", a, make("add", const(1.5), make("sigmoid", b))), inner, inner
        )
        root = inner.map(
            lambda a: make("log", make("sqrt", make("add", const(1), make("mul", a, a))))
        )
        return unary | binary | choice | safe | root

    return st.recursive(leaves, grow, max_leaves=2**depth)


def values(*rows: float) -> list[Tensor]:
    return [torch.tensor(row, dtype=torch.float64, requires_grad=True) for row in rows]


@settings(max_examples=200)
@given(nodes(), st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_gradients_are_those_of_autograd(node: Node, numbers: list[float]) -> None:
    x, y = values(numbers[:3], numbers[3:])
    inputs = {X: x, Y: y}
    (result,) = evaluate([node], inputs)
    if not result.requires_grad or not result.isfinite().all():
        return
    d = read("d", 0)
    found = gradient({}, INPUTS, also=[(node, d)])
    weights = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    expected = torch.autograd.grad(result, (x, y), weights, allow_unused=True)
    for mine, its in zip(found, expected, strict=True):
        if mine is None or its is None:
            assert its is None or not its.any()
            continue
        (value,) = evaluate([mine], {**inputs, d: weights})
        assert_close(value.detach(), its, rtol=1e-9, atol=1e-9, equal_nan=True)


@settings(max_examples=100)
@given(st.lists(nodes(), min_size=1, max_size=3))
def test_text_is_read_back_as_the_same_graph(outputs: list[Node]) -> None:
    assert list(parse(text(outputs))) == outputs


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("relu", [0.0, -0.0, math.nan, math.inf, -math.inf, 2.0]),
        ("abs", [0.0, -0.0, 3.0, -3.0, math.inf]),
        ("maximum", [0.0, 1.0, 2.0, math.nan]),
        ("minimum", [0.0, 1.0, 2.0, math.nan]),
        ("softplus", [19.9, 20.0, 20.1, -800.0, 800.0]),
    ],
)
def test_subgradients_are_torchs(name: str, points: list[float]) -> None:
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    y = torch.ones_like(x, requires_grad=True)
    arguments = INPUTS if name in ("maximum", "minimum") else (X,)
    node = make(name, *arguments)
    (result,) = evaluate([node], {X: x, Y: y})
    expected = torch.autograd.grad(result.sum(), (x, y)[: len(arguments)])
    d = read("d", 0)
    for mine, its in zip(gradient({}, arguments, also=[(node, d)]), expected, strict=True):
        assert mine is not None
        (value,) = evaluate([mine], {X: x, Y: y, d: torch.ones_like(x)})
        assert_close(value.detach(), its, rtol=1e-12, atol=0, equal_nan=True)


def test_equal_expressions_are_one() -> None:
    a = make("tanh", make("add", X, Y))
    assert a is make("tanh", make("add", read("x", 0), Y))
    assert len(order([make("mul", a, a)])) == 5


def test_simplification_keeps_nan() -> None:
    zero = const(0)
    assert make("add", X, zero) is X
    assert make("sub", zero, X) is make("neg", X)
    assert make("mul", X, const(1)) is X
    assert make("neg", make("neg", X)) is X
    assert make("mul", X, zero).op == "mul"  # X may be NaN
    assert make("sub", X, X).op == "sub"
    assert make("add", const(2), const(3)) is const(5)


def test_a_wrong_operation_is_refused() -> None:
    with pytest.raises(ValueError, match="no operation frobnicate of 1 arguments"):
        make("frobnicate", X)
    with pytest.raises(ValueError, match="no operation add of 1 arguments"):
        make("add", X)
    with pytest.raises(ValueError, match="must end in a line"):
        parse("%0 = x 0")
