"""The step's derivative in closed form, against automatic differentiation of the reference."""

import pytest
import torch
from torch.autograd.functional import jacobian

import elman
from elman.cells import BUILTIN
from elman.diagnose.linear import Steps
from elman.diagnose.trajectory import Track, run
from elman.nn import reference

T, B, F, H = 6, 3, 4, 5


def by_autograd(layer: elman.nn.Recurrent, track: Track, t: int, b: int) -> torch.Tensor:
    sizes = [part.shape[-1] for part in track.before]
    rates = tuple(rate or None for rate in track.zoneout)

    def step(flat: torch.Tensor) -> torch.Tensor:
        s = tuple(part.unsqueeze(0) for part in flat.split(sizes))
        gates = track.gates[t, b : b + 1].detach()
        new = reference.step(layer.cell, track.weights, gates, s, rates)
        return torch.cat([part[0] for part in new])

    return jacobian(step, torch.cat([part[t, b] for part in track.before]).detach())


OPTIONS = {
    "plain": {},
    "layer_norm": {"layer_norm": True},
    "zoneout": {"zoneout": 0.3},
    "no bias": {"bias": False},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_jacobians_of_every_cell(cell: str, options: dict[str, object]) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, F, H, dtype=torch.float64, **options)
    (track,) = run(layer, 2 * torch.randn(T, B, F, dtype=torch.float64))
    steps = Steps(track)
    for t in (0, T - 1):
        dense = steps.dense(t)
        for b in range(B):
            torch.testing.assert_close(dense[b], by_autograd(layer, track, t, b))


def test_jacobian_of_a_projected_lstm() -> None:
    torch.manual_seed(0)
    layer = elman.LSTM(F, H, proj_size=2, zoneout={"h": 0.2}, dtype=torch.float64)
    (track,) = run(layer, torch.randn(T, B, F, dtype=torch.float64))
    torch.testing.assert_close(Steps(track).dense(3)[1], by_autograd(layer, track, 3, 1))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_vjp_is_the_transpose_of_jvp(cell: str, options: dict[str, object]) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, F, H, dtype=torch.float64, **options)
    x = torch.randn(T, B, F, dtype=torch.float64)
    resets = torch.zeros(T, B, dtype=torch.bool)
    resets[3, 1] = True
    (track,) = run(layer, x, lengths=torch.tensor([T, 5, 2]), resets=resets)
    steps = Steps(track)
    v, g = torch.randn(2, B, 4, steps.size, dtype=torch.float64)
    for t in range(T):
        left, right = (g * steps.jvp(t, v)).sum(-1), (steps.vjp(t, g) * v).sum(-1)
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("backend", ["reference", "auto"])
def test_padding_keeps_and_a_reset_cuts(backend: str) -> None:
    layer = elman.LSTM(F, H, dtype=torch.float64, backend=backend)
    x = torch.randn(T, B, F, dtype=torch.float64)
    resets = torch.zeros(T, B, dtype=torch.bool)
    resets[3, 0] = True
    (track,) = run(layer, x, lengths=torch.tensor([T, 4, 0]), resets=resets)
    steps = Steps(track)
    assert (steps.dense(3)[0] == 0).all()
    assert torch.equal(steps.dense(4)[1], torch.eye(2 * H, dtype=torch.float64))
    assert torch.equal(track.after[0][5, 1], track.after[0][3, 1])
    assert (track.after[0][:, 2] == 0).all()
