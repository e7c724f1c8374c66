"""Cells whose states an affine map carries on are told from their equations."""

from typing import Any

import pytest
import torch

import elman
from elman.cells import BUILTIN
from elman.compiler import equations
from elman.compiler.affine import is_affine
from elman.math import exp, maximum, sigmoid, tanh, where

AFFINE = ("mingru", "minlstm", "lru", "rglru", "qrnn")


@pytest.mark.parametrize("name", BUILTIN)
def test_builtin_cells(name: str) -> None:
    assert is_affine(equations(BUILTIN[name]())) == (name in AFFINE)
    assert elman.layer(name, 2, 3).is_affine == (name in AFFINE)


class Plain(elman.Cell):
    gates = ("a", "b")
    recurrent = ()
    state = ("h", "c")
    params = {"u": (0.1, 0.9)}


class Integrator(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.u) * s.h + p.u * tanh(x.a), "c": s.c}


class ReadOut(Plain):
    """The output may be any function of what is carried on."""

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        c = sigmoid(x.a) * s.c - x.b / exp(p.u)
        return {"h": maximum(tanh(c), c * c), "c": c}


class Switched(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": where(x.a > 0, s.h, -s.c / (1 + exp(x.b))), "c": s.h + s.c}


class Product(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": s.h * s.c, "c": x.a}


class Divided(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": x.a / s.h, "c": x.a}


class Branching(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": where(s.h > 0, s.h, 0.5 * s.h), "c": x.a}


class Squashed(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": tanh(s.h) + x.a, "c": x.a}


class Recurrent(Plain):
    recurrent = ("a",)

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": 0.5 * s.h + x.a + r.a, "c": x.b}


class Untraceable(Plain):
    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": s.h + torch.erf(x.a), "c": x.b}


@pytest.mark.parametrize("cell", [Integrator, ReadOut, Switched])
def test_affine_cells_of_a_user(cell: type[elman.Cell]) -> None:
    assert elman.layer(cell, 2, 3).is_affine


@pytest.mark.parametrize("cell", [Product, Divided, Branching, Squashed, Recurrent, Untraceable])
def test_other_cells_of_a_user(cell: type[elman.Cell]) -> None:
    assert not elman.layer(cell, 2, 3).is_affine


def test_an_affine_cell_is_one_in_numbers_too() -> None:
    """Of what is carried on, f(a s + (1 - a) t) = a f(s) + (1 - a) f(t)."""
    torch.manual_seed(0)
    for name in AFFINE:
        layer = elman.layer(name, 2, 3, dtype=torch.float64)
        x = torch.randn(4, 1, 2, dtype=torch.float64)
        s, t = ([torch.rand(1, 1, 3, dtype=torch.float64) for _ in layer.cell.state] for _ in "st")
        mixed = [0.3 * a + 0.7 * b for a, b in zip(s, t, strict=True)]
        of_s, of_t, of_mixed = (
            layer(x, tuple(state) if len(state) > 1 else state[0])[0] for state in (s, t, mixed)
        )
        torch.testing.assert_close(of_mixed, 0.3 * of_s + 0.7 * of_t)
