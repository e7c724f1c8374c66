"""The gradient through time, against closed forms and against automatic differentiation."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import elman
from elman.cells import BUILTIN
from elman.diagnose.gradient import decay_rate, follow, memory_of, through_time
from elman.diagnose.trajectory import run
from elman.nn import reference

T, B, F, H = 9, 3, 4, 5


class Linear(elman.Cell):
    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": x.h + r.h}


def linear(matrix: Tensor) -> elman.nn.Recurrent:
    layer = elman.layer(Linear, 1, len(matrix), bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(matrix)
    return layer


@pytest.mark.parametrize("scale", [0.5, 0.9, 1.0, 1.1])
def test_a_linear_network_decays_by_its_eigenvalue(scale: float) -> None:
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    layer = linear(scale * rotation)
    x = torch.randn(60, 2, 1, dtype=torch.float64)
    found = through_time(run(layer, x, state_gradient=[torch.randn(1, 2, 6)]))
    np.testing.assert_allclose(found.lags, scale ** np.arange(60), rtol=1e-9)
    assert found.rate == pytest.approx(scale)
    if scale < 1:
        assert math.ceil(found.memory) == math.ceil(math.log(0.01) / math.log(scale))
        assert found.seen == (scale**59 < 0.01)
    else:
        assert found.memory == math.inf
    assert found.norms[-1] / found.norms[0] == pytest.approx(scale**-59)


def test_a_scalar_tanh_unit_by_hand() -> None:
    layer = elman.RNN(1, 1, bias=False, dtype=torch.float64)
    w, u = 1.3, 0.7
    with torch.no_grad():
        layer.weight_hh_l0.fill_(w)
        layer.weight_ih_l0.fill_(u)
    x = [0.5, -1.0, 0.25, 2.0]
    h, factors = 0.0, []
    for value in x:
        h = math.tanh(u * value + w * h)
        factors.append(w * (1 - h * h))
    sequence = torch.tensor(x, dtype=torch.float64).view(-1, 1, 1)
    gradient = torch.full((1, 1, 1), 2.5, dtype=torch.float64)
    (track,) = run(layer, sequence, state_gradient=[gradient])
    total, _, _ = follow(track)
    by_hand = [2.5 * math.prod(factors[t + 1 :]) for t in range(4)]
    assert total[:, 0].tolist() == pytest.approx([abs(g) for g in by_hand])


def total_by_autograd(
    layer: elman.nn.Recurrent,
    x: Tensor,
    to_output: Tensor,
    to_last: tuple[Tensor, ...],
    to_states: tuple[Tensor, ...] = (),
) -> Tensor:
    """|dL/ds_t| by leaves added to the states after every step of the reference."""
    w = layer._weights(0)
    gates = reference.product(x, w.ih, w.bias_ih, w.norm_ih)
    s = tuple(x.new_zeros(B, H) for _ in layer.cell.state)
    leaves, loss = [], x.new_zeros(())
    for t in range(len(x)):
        s = reference.step(layer.cell, w, gates[t], s)
        leaf = tuple(torch.zeros_like(part, requires_grad=True) for part in s)
        s = tuple(part + e for part, e in zip(s, leaf, strict=True))
        leaves.append(leaf)
        loss = loss + (s[0] * to_output[t]).sum()
        loss = loss + sum((p * g[t]).sum() for p, g in zip(s, to_states, strict=False))
    loss = loss + sum((p * g).sum() for p, g in zip(s, to_last, strict=True))
    flat = torch.autograd.grad(loss, [e for leaf in leaves for e in leaf], allow_unused=True)
    width = len(layer.cell.state)
    rows = [flat[i : i + width] for i in range(0, len(flat), width)]
    rows = [tuple(x.new_zeros(B, H) if g is None else g for g in row) for row in rows]
    return torch.stack([torch.cat(row, -1).norm(dim=-1) for row in rows])


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("cell", BUILTIN)
def test_norms_are_those_of_autograd(cell: str, layer_norm: bool) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, F, H, layer_norm=layer_norm, dtype=torch.float64)
    x = torch.randn(T, B, F, dtype=torch.float64)
    to_output = torch.randn(T, B, H, dtype=torch.float64)
    to_last = tuple(torch.randn(B, H, dtype=torch.float64) for _ in layer.cell.state)
    last = [each.unsqueeze(0) for each in to_last]
    (track,) = run(layer, x, output_gradient=to_output, state_gradient=last)
    expected = total_by_autograd(layer, x, to_output, to_last)
    torch.testing.assert_close(follow(track)[0], expected)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru"])
def test_a_loss_of_every_state_is_followed(cell: str) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, F, H, dtype=torch.float64)
    count = len(layer.cell.state)
    x, to_output = (torch.randn(T, B, n, dtype=torch.float64) for n in (F, H))
    to_states = torch.randn(count, T, B, H, dtype=torch.float64)
    nothing = (torch.zeros(B, H, dtype=torch.float64),) * count
    every = [each.unsqueeze(1) for each in to_states]
    (track,) = run(layer, x, output_gradient=to_output, states_gradient=every)
    expected = total_by_autograd(layer, x, to_output, nothing, tuple(to_states))
    torch.testing.assert_close(follow(track)[0], expected)


@pytest.mark.parametrize("backend", ["reference", "compiled"])
def test_stacked_and_both_ways_with_lengths_as_one_by_one(backend: str) -> None:
    """Padding changes nothing: a sequence in a batch has the norms that it has alone."""
    torch.manual_seed(0)
    layer = elman.GRU(F, H, 2, bidirectional=True, dtype=torch.float64, backend=backend)
    x = torch.randn(T, 2, F, dtype=torch.float64)
    gradient = torch.randn(T, 2, 2 * H, dtype=torch.float64)
    states = torch.randn(T, 4, 2, H, dtype=torch.float64)
    tracks = run(
        layer,
        x,
        lengths=torch.tensor([T, 5]),
        output_gradient=gradient,
        states_gradient=[states],
    )
    alone = run(
        layer, x[:5, 1:], output_gradient=gradient[:5, 1:], states_gradient=[states[:5, :, 1:]]
    )
    assert [(t.layer, t.reverse) for t in tracks] == [(0, False), (0, True), (1, False), (1, True)]
    for both, single in zip(tracks, alone, strict=True):
        norms, expected = follow(both)[0][:, 1], follow(single)[0][:, 0]
        torch.testing.assert_close(norms[4:] if both.reverse else norms[:5], expected)


def test_each_step_of_a_loss_is_followed_on_its_own() -> None:
    layer = linear(0.8 * torch.eye(3, dtype=torch.float64))
    x = torch.randn(40, 2, 1, dtype=torch.float64)
    found = through_time(run(layer, x, output_gradient=torch.ones(40, 2, 3)))
    np.testing.assert_allclose(found.lags, 0.8 ** np.arange(40), rtol=1e-9)
    assert found.norms[0] > 4.9 * found.norms[-1]  # 1 / (1 - 0.8): what all steps add up to


def test_several_batches_are_averaged_and_nothing_entering_is_told() -> None:
    layer = linear(0.5 * torch.eye(2, dtype=torch.float64))
    tracks = []
    for steps in (4, 7):
        x = torch.randn(steps, 2, 1, dtype=torch.float64)
        tracks += run(layer, x, state_gradient=[torch.ones(1, 2, 2)])
    found = through_time(tracks)
    assert len(found.lags) == len(found.norms) == 7
    np.testing.assert_allclose(found.lags, 0.5 ** np.arange(7))
    silent = through_time(run(layer, x, output_gradient=torch.zeros(7, 2, 2)))
    assert len(silent.lags) == 0
    assert math.isnan(silent.memory)
    assert (silent.norms == 0).all()


def test_rates_and_memories_of_curves() -> None:
    assert math.isnan(decay_rate(np.array([1.0, 0.5])))
    assert decay_rate(np.array([1.0, 0, 0, 0])) == 0
    assert memory_of(np.array([1.0, 0, 0, 0]), 0.0) == (1.0, True)
    assert memory_of(np.array([1.0, 0.001, 0.5, 0.001]), 0.5) == (3.0, True)
    assert memory_of(np.array([1.0, math.inf]), math.nan) == (math.inf, False)
