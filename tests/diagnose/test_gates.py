"""Gates, what they let states keep, and dead units, by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.cells import BUILTIN
from elman.diagnose.gates import gates, states
from elman.diagnose.linear import Steps
from elman.diagnose.trajectory import run
from elman.math import tanh

T, B, F, H = 12, 3, 2, 4
GATES = {
    "rnn": [("h", "tanh")],
    "rnn_relu": [("h", "relu")],
    "lstm": [("i", "sigmoid"), ("f", "sigmoid"), ("g", "tanh"), ("o", "sigmoid")],
    "peephole_lstm": [("i", "sigmoid"), ("f", "sigmoid"), ("g", "tanh"), ("o", "sigmoid")],
    "cifg": [("f", "sigmoid"), ("g", "tanh"), ("o", "sigmoid")],
    "gru": [("r", "sigmoid"), ("z", "sigmoid"), ("n", "tanh")],
    "mgu": [("f", "sigmoid"), ("n", "tanh")],
    "indrnn": [("h", "relu")],
    "mingru": [("z", "sigmoid")],
    "minlstm": [("f", "sigmoid"), ("i", "sigmoid")],
    "lru": [],
    "rglru": [("r", "sigmoid"), ("i", "sigmoid")],
    "sru": [("f", "sigmoid"), ("r", "sigmoid")],
    "qrnn": [("z", "tanh"), ("f", "sigmoid"), ("o", "sigmoid")],
    "slstm": [("z", "tanh"), ("o", "sigmoid")],
}


@pytest.mark.parametrize("cell", BUILTIN)
def test_gates_are_read_off_the_equations(cell: str) -> None:
    (track,) = run(elman.layer(cell, F, H), torch.randn(T, B, F))
    found = gates(track)
    assert [(gate.name, gate.function) for gate in found] == GATES[cell]
    for gate in found:
        assert gate.mean.shape == (T,)
        assert gate.histogram.sum() == pytest.approx(1)


def test_values_are_those_of_the_gates() -> None:
    torch.manual_seed(0)
    layer = elman.GRU(F, H, bidirectional=True, dtype=torch.float64)
    x = torch.randn(T, B, F, dtype=torch.float64)
    _, _, states_ = layer(x, return_states=True)
    for track in run(layer, x):
        suffix = "_reverse" if track.reverse else ""
        h = states_[:, int(track.reverse)]
        first = torch.zeros_like(h[:1])
        before = torch.cat([h[1:], first]) if track.reverse else torch.cat([first, h[:-1]])
        sums = x @ getattr(layer, f"weight_ih_l0{suffix}").T
        sums = sums + before @ getattr(layer, f"weight_hh_l0{suffix}").T
        sums = sums + getattr(layer, f"bias_ih_l0{suffix}") + getattr(layer, f"bias_hh_l0{suffix}")
        z = sums.sigmoid()[..., H : 2 * H]
        found = {gate.name: gate for gate in gates(track)}["z"]
        np.testing.assert_allclose(found.mean, z.mean((1, 2)).detach())
        (unit,) = states(track, Steps(track))
        np.testing.assert_allclose(unit.kept, z.mean((1, 2)).detach())
        np.testing.assert_allclose(unit.norm, h.norm(dim=-1).mean(1).detach())
        by_unit = z.log().mean((0, 1)).exp().detach().numpy()
        np.testing.assert_allclose(unit.half_life, np.log(0.5) / np.log(by_unit))


class Leaky(elman.Cell):
    gates = ("h",)
    params = {"pace": (0.5, 0.5)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": s.h + p.pace * (tanh(x.h + r.h) - s.h)}


def test_a_leaky_unit_halves_in_one_step() -> None:
    (track,) = run(elman.layer(Leaky, F, H), torch.randn(T, B, F))
    (unit,) = states(track, Steps(track))
    assert unit.gated
    assert unit.half_life == pytest.approx(np.ones(H), rel=1e-6)


def test_saturation_and_units_that_never_change() -> None:
    layer = elman.LSTM(F, H, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        i, f, g, _ = layer.bias_ih_l0.view(4, H)
        i.fill_(-9)
        f.fill_(9)
        g.fill_(0.1)
    (track,) = run(layer, torch.randn(T, B, F, dtype=torch.float64))
    by_name = {gate.name: gate for gate in gates(track)}
    assert (by_name["i"].low, by_name["f"].high) == (1.0, 1.0)
    assert (by_name["o"].low, by_name["o"].high) == (0.0, 0.0)
    c = states(track, Steps(track))[1]
    keeps = 1 / (1 + math.exp(-9))
    assert c.half_life == pytest.approx(np.full(H, math.log(0.5) / math.log(keeps)))
    (still,) = run(elman.RNN(F, H), torch.zeros(T, B, F))
    assert states(still, Steps(still))[0].dead == []
    relu = elman.RNN(F, H, nonlinearity="relu", bias=False)
    (silent,) = run(relu, torch.zeros(T, B, F))
    assert states(silent, Steps(silent))[0].dead == list(range(H))
