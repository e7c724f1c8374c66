"""What the compiler's targets are tested with: a cell of all functions, and all a layer gives."""

from typing import Any

import torch
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.math import (
    abs,
    cos,
    exp,
    log,
    maximum,
    minimum,
    relu,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
    where,
)


class Everything(elman.Cell):
    """Every function there is; three states, one of them a delay; two of three gates recurrent."""

    gates = ("a", "b", "c")
    recurrent = ("c", "a")
    state = ("h", "old", "mean")
    params = {"u": (0.1, 0.9), "v": (-1.0, 1.0)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        a = softplus(x.a + r.a) * p.u - abs(s.old) + sin(x.b) * cos(s.mean)
        b = maximum(minimum(x.b, 0.7), r.c) / (1 + exp(-x.c)) + relu(x.c - s.h)
        low = ~(x.b >= -1) | (x.b < -1)
        h = tanh(where((a > b) | low, a, 0.5 * b)) * sigmoid(p.v * s.mean)
        mean = s.mean + p.u * (log(1 + h * h) - s.mean) + sqrt(1 + a * a) ** 2 * 0.01
        return {"h": h, "old": s.h, "mean": mean}


def reachable(states: dict[str, Tensor]) -> dict[str, Tensor]:
    """States by name as a cell may come to them: an sLSTM's normaliser n is 0 at first, then 1 or
    more, and what is divided by one near 0 is no number to compare."""
    return {
        name: torch.where(value == 0, value, 1 + value.abs()) if name == "n" else value
        for name, value in states.items()
    }


def flat(result: tuple[Any, ...]) -> list[Tensor]:
    """What a layer returns, in one list."""
    parts = [part if isinstance(part, tuple) else (part,) for part in result]
    return [tensor for part in parts for tensor in part]


def outcome(
    layer: Any, x: Tensor, state: Any = None, **options: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """What a layer returns, with gradients and without, and the gradients, in float64."""
    kind = next(layer.parameters()).dtype
    own = x.detach().to(kind).requires_grad_()
    given = None if state is None else tuple(s.to(kind).requires_grad_() for s in state)
    whole = given[0] if given is not None and len(given) == 1 else given
    torch.manual_seed(3)
    values = flat(layer(own, whole, **options))
    loss = sum((v.double() * torch.arange(v.numel()).view_as(v).cos()).sum() for v in values)
    wanted = [own, *(given or ()), *layer.parameters()]
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    with torch.no_grad():
        torch.manual_seed(3)
        values += flat(layer(own, whole, **options))
    gradients = [torch.zeros(1) if g is None else g for g in found]
    return [v.double() for v in values], [g.double() for g in gradients]


def assert_alike(ours: list[Tensor], theirs: list[Tensor], dtype: torch.dtype) -> None:
    """Ours, computed in that precision, are theirs, as shares of each tensor's largest entry."""
    single = dtype == torch.float32
    tolerance = {"rtol": 3e-4, "atol": 1e-4} if single else {"rtol": 1e-8, "atol": 1e-9}
    for mine, its in zip(ours, theirs, strict=True):
        scale = its.abs().max().clamp(min=1) if its.numel() else 1
        mine, its = torch.broadcast_tensors(mine, its)  # 0 stands for no gradient
        assert_close(mine / scale, its / scale, **tolerance)
