"""The functions a cell's equations are written in.

Each works on tensors (the reference) and on the symbols that the compiler traces with:
whatever is not a tensor or a number is asked for a method `elman_math(name, *operands)`.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "abs",
    "cos",
    "exp",
    "log",
    "maximum",
    "minimum",
    "relu",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "tanh",
    "where",
]


def _as_tensor(value: Any, like: Tensor) -> Tensor:
    return value if isinstance(value, Tensor) else like.new_tensor(value)


def _pairwise(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Tensor]:
    def apply(a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        return function(_as_tensor(a, like), _as_tensor(b, like))

    return apply


_ON_TENSORS: dict[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "abs": torch.abs,
    "relu": torch.relu,
    "softplus": F.softplus,
    "maximum": _pairwise(torch.maximum),
    "minimum": _pairwise(torch.minimum),
    "where": torch.where,
}


def _apply(name: str, *operands: Any) -> Any:
    for operand in operands:
        if not isinstance(operand, Tensor | int | float):
            if not hasattr(operand, "elman_math"):
                raise TypeError(
                    f"{name} takes tensors and numbers, got {type(operand).__name__}; of a cell's"
                    " gates and states take one by name, such as x.i"
                )
            return operand.elman_math(name, *operands)
    if not any(isinstance(operand, Tensor) for operand in operands):
        operands = tuple(torch.tensor(operand, dtype=torch.float64) for operand in operands)
    return _ON_TENSORS[name](*operands)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), elementwise.

    >>> float(sigmoid(torch.zeros(())))
    0.5
    """
    return _apply("sigmoid", x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent, elementwise."""
    return _apply("tanh", x)


def exp(x: Any) -> Any:
    """e to the power of x, elementwise."""
    return _apply("exp", x)


def log(x: Any) -> Any:
    """Natural logarithm, elementwise."""
    return _apply("log", x)


def sqrt(x: Any) -> Any:
    """Square root, elementwise."""
    return _apply("sqrt", x)


def sin(x: Any) -> Any:
    """Sine of x in radians, elementwise."""
    return _apply("sin", x)


def cos(x: Any) -> Any:
    """Cosine of x in radians, elementwise."""
    return _apply("cos", x)


def abs(x: Any) -> Any:
    """Absolute value, elementwise; its derivative at 0 is 0."""
    return _apply("abs", x)


def relu(x: Any) -> Any:
    """The larger of x and 0, elementwise; its derivative at 0 is 0."""
    return _apply("relu", x)


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), elementwise; x itself above 20, as torch has it."""
    return _apply("softplus", x)


def maximum(a: Any, b: Any) -> Any:
    """The larger of a and b, elementwise; either may be a number. Ties share the gradient."""
    return _apply("maximum", a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of a and b, elementwise; either may be a number. Ties share the gradient."""
    return _apply("minimum", a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b, elementwise; a and b may be numbers.

    Two numbers give torch's default dtype.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> where(x > 0, x, 0.1 * x)
    tensor([-0.1000,  2.0000])
    """
    return _apply("where", condition, a, b)
