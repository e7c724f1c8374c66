"""Lyapunov exponents of systems whose exponents are known, some of them written as cells."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import elman
from elman.diagnose.lyapunov import exponents_of_map, lyapunov_exponents
from elman.errors import SettingsError

DOUBLE = torch.float64


def layer_of(
    cell: type[elman.Cell], matrices: list[list[list[float]]], biases: list[list[float]]
) -> elman.nn.Recurrent:
    """A layer with the recurrent matrix and the bias of each gate given."""
    blocks = torch.tensor(matrices, dtype=DOUBLE)
    layer = elman.layer(cell, 1, blocks.shape[-1], dtype=DOUBLE)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_hh_l0.copy_(blocks.flatten(0, 1))
        layer.bias_hh_l0.copy_(torch.tensor(biases, dtype=DOUBLE).flatten())
    return layer


class Linear(elman.Cell):
    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": x.h + r.h}


class Logistic(elman.Cell):
    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": 4 * r.h * (1 - r.h)}


class Henon(elman.Cell):
    """x' = 1 - 1.4 x² + y, y' = 0.3 x."""

    gates = ("line", "square")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": r.line - 1.4 * r.square * r.square}


DT = 0.006


class Lorenz(elman.Cell):
    """The Lorenz equations by the two-step rule of Adams and Bashforth; f is the slope before."""

    gates = ("line", "a", "b")
    state = ("h", "f")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        slope = r.line + r.a * r.b
        return {"h": s.h + DT * (1.5 * slope - 0.5 * s.f), "f": slope}


def test_a_linear_network_has_the_logarithms_of_its_eigenvalues() -> None:
    matrix = torch.tensor([[0.9, 0.3, -0.2], [0.0, -0.5, 0.4], [0.0, 0.0, 0.1]], dtype=DOUBLE)
    layer = layer_of(Linear, [matrix.tolist()], [[0.0] * 3])
    found = lyapunov_exponents(layer, steps=600, batch=2)
    expected = torch.tensor([0.9, 0.5, 0.1], dtype=DOUBLE).log()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_the_logistic_map() -> None:
    layer = layer_of(Logistic, [[[1.0]]], [[0.0]])
    start = torch.full((1, 1, 1), 0.3, dtype=DOUBLE)
    found = lyapunov_exponents(layer, steps=4000, state=start)
    assert float(found) == pytest.approx(math.log(2), abs=0.01)


def test_the_henon_map_as_a_cell() -> None:
    line, square = [[0.0, 1.0], [0.3, 0.0]], [[1.0, 0.0], [0.0, 0.0]]
    layer = layer_of(Henon, [line, square], [[1.0, 0.0], [0.0, 0.0]])
    start = torch.zeros(1, 1, 2, dtype=DOUBLE)
    found = lyapunov_exponents(layer, steps=6000, state=start)
    assert float(found.sum()) == pytest.approx(math.log(0.3), abs=1e-9)  # every step's determinant
    assert float(found[0]) == pytest.approx(0.4192, abs=0.01)


def lorenz(s: Tensor) -> Tensor:
    x, y, z = s
    return torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])


def runge_kutta(s: Tensor, dt: float = 0.03) -> Tensor:
    a = lorenz(s)
    b = lorenz(s + dt / 2 * a)
    c = lorenz(s + dt / 2 * b)
    d = lorenz(s + dt * c)
    return s + dt / 6 * (a + 2 * b + 2 * c + d)


@pytest.mark.slow
def test_the_lorenz_system_as_a_map() -> None:
    start = torch.tensor([1.0, 1.0, 20.0], dtype=DOUBLE)
    found = exponents_of_map(runge_kutta, start, steps=3000, warmup=300) / 0.03
    torch.testing.assert_close(
        found, torch.tensor([0.906, 0.0, -14.57], dtype=DOUBLE), atol=0.04, rtol=0
    )


@pytest.mark.slow
def test_the_lorenz_system_as_a_cell() -> None:
    line = [[-10.0, 10.0, 0.0], [28.0, -1.0, 0.0], [0.0, 0.0, -8 / 3]]
    a = [[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    b = [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    layer = layer_of(Lorenz, [line, a, b], [[0.0] * 3] * 3)
    h = torch.tensor([[1.0, 1.0, 20.0]], dtype=DOUBLE)
    state = (h.unsqueeze(0), lorenz(h[0]).view(1, 1, 3))
    found = lyapunov_exponents(layer, steps=20_000, warmup=1500, count=3, state=state) / DT
    torch.testing.assert_close(
        found, torch.tensor([0.906, 0.0, -14.57], dtype=DOUBLE), atol=0.06, rtol=0
    )


def test_input_drives_and_stacked_layers_have_each_their_own() -> None:
    layer = elman.GRU(2, 4, 2, batch_first=True, dtype=DOUBLE)
    x = torch.randn(3, 60, 2, dtype=DOUBLE)
    found = lyapunov_exponents(layer, x, warmup=10, every=3)
    assert found.shape == (2, 4)
    assert (found[:, :-1] >= found[:, 1:] - 0.05).all()
    again = lyapunov_exponents(layer, x, warmup=10, every=1)
    torch.testing.assert_close(found, again)


def test_bad_requests_say_what_is_wrong() -> None:
    layer = elman.GRU(2, 4)
    with pytest.raises(SettingsError, match="count=5, every=1: 1 to 4 exponents"):
        lyapunov_exponents(layer, count=5)
    with pytest.raises(SettingsError, match="50 steps of input are no more than warmup=100"):
        lyapunov_exponents(layer, torch.zeros(50, 1, 2))
    with pytest.raises(SettingsError, match="not bidirectional"):
        lyapunov_exponents(elman.GRU(2, 4, bidirectional=True))
