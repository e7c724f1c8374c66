import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from elman import math as em

UNARY = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "abs": abs,
    "relu": lambda v: max(v, 0.0),
    "softplus": lambda v: math.log1p(math.exp(v)),
}
POSITIVE = ("log", "sqrt")
VALUES = (-3.0, -0.5, 0.25, 1.0, 7.5)


class Symbol:
    """What a compiler traces with: it is told the name and all operands."""

    def elman_math(self, name: str, *operands: Any) -> Any:
        return (name, operands)


def test_names() -> None:
    assert set(em.__all__) == set(UNARY) | {"maximum", "minimum", "where"}
    assert all(callable(getattr(em, name)) for name in em.__all__)


@pytest.mark.parametrize("name", UNARY)
def test_values_and_gradients(name: str) -> None:
    values = [v for v in VALUES if v > 0 or name not in POSITIVE]
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    function = getattr(em, name)
    expected = torch.tensor([UNARY[name](v) for v in values], dtype=torch.float64)
    assert_close(function(x), expected, rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(function, (x,))
    assert float(function(0.25)) == pytest.approx(UNARY[name](0.25), rel=1e-15)
    assert function(x.detach().float()).dtype == torch.float32


def test_derivatives_at_zero() -> None:
    for function in (em.abs, em.relu):
        x = torch.zeros((), requires_grad=True)
        function(x).backward()
        assert float(x.grad) == 0


def test_softplus_does_not_overflow() -> None:
    x = torch.tensor([-1000.0, 30.0, 1000.0])
    assert_close(em.softplus(x), F.softplus(x))
    assert bool(em.softplus(x).isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_maximum_and_minimum_take_numbers(dtype: torch.dtype) -> None:
    x = torch.tensor([-1.0, 0.3, 2.0], dtype=dtype)
    for larger, smaller in (
        (em.maximum(x, 0.3), em.minimum(x, 0.3)),
        (em.maximum(0.3, x), em.minimum(0.3, x)),
    ):
        assert_close(larger, torch.tensor([0.3, 0.3, 2.0], dtype=dtype), rtol=0, atol=0)
        assert_close(smaller, torch.tensor([-1.0, 0.3, 0.3], dtype=dtype), rtol=0, atol=0)
    assert float(em.maximum(1, 2.5)) == 2.5
    assert float(em.minimum(1, 2.5)) == 1.0


def test_ties_share_the_gradient() -> None:
    a, b = torch.ones((), requires_grad=True), torch.ones((), requires_grad=True)
    em.maximum(a, b).backward()
    assert (float(a.grad), float(b.grad)) == (0.5, 0.5)


def test_where() -> None:
    x = torch.tensor([-1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = em.where(x > 0, x, 0.1 * x)
    y.sum().backward()
    assert_close(y, torch.tensor([-0.1, 2.0], dtype=torch.float64))
    assert_close(x.grad, torch.tensor([0.1, 1.0], dtype=torch.float64))
    assert em.where(x > 0, x, 0.1).tolist() == [0.1, 2.0]
    assert em.where(x > 0, 1, x).dtype == torch.float64
    assert em.where(x > 0, 1.0, 0.0).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("name", em.__all__)
def test_symbols_are_asked(name: str) -> None:
    count = {"maximum": 2, "minimum": 2, "where": 3}.get(name, 1)
    for at in range(count):
        operands = [torch.ones(2)] * count
        operands[at] = Symbol()
        assert getattr(em, name)(*operands) == (name, tuple(operands))


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError, match="tanh takes tensors and numbers, got str"):
        em.tanh("x")
    with pytest.raises(TypeError, match="maximum takes tensors and numbers, got list"):
        em.maximum(torch.ones(1), [1.0])
