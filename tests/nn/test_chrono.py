"""Chrono initialisation (Tallec & Ollivier 2018): the law of the biases, on every cell."""

import math

import pytest
import torch

import elman
from elman.cells import BUILTIN
from elman.errors import SettingsError
from elman.nn import chrono

FORGETS = [name for name, cell in BUILTIN.items() if cell.forget is not None]


@pytest.mark.parametrize("cell", FORGETS)
def test_biases_are_logarithms_of_uniform_numbers(cell: str) -> None:
    layer = elman.layer(cell, 2, 1000, dtype=torch.float64)
    before = {name: value.clone() for name, value in layer.named_parameters()}
    assert chrono(layer, 100, seed=1) is layer
    at = layer.cell.gates.index(layer.cell.forget)
    bias = layer.bias_ih_l0.view(-1, 1000)
    drawn = bias[at].exp()
    assert 1 <= float(drawn.detach().min()) < 2 < 97 < float(drawn.detach().max()) <= 99
    assert float(drawn.mean().detach()) == pytest.approx(50, abs=4)
    for index, gate in enumerate(layer.cell.gates):
        if gate == "i":
            assert torch.equal(bias[index], -bias[at])
        elif index != at:
            assert torch.equal(bias[index], before["bias_ih_l0"].view(-1, 1000)[index])
    if layer.cell.recurrent:
        second = layer.bias_hh_l0.view(-1, 1000)[layer.cell.recurrent.index(layer.cell.forget)]
        assert (second == 0).all()
        assert torch.equal(layer.weight_hh_l0, before["weight_hh_l0"])


def test_every_layer_and_direction_and_a_seed() -> None:
    one, other = (chrono(elman.LSTM(2, 8, 2, bidirectional=True), 50, seed=3) for _ in range(2))
    names = [name for name, _ in one.named_parameters() if name.startswith("bias_ih")]
    assert len(names) == 4
    drawn = [one.get_parameter(name)[8:16] for name in names]
    assert all((each >= 0).all() and (each <= math.log(49)).all() for each in drawn)
    assert not torch.equal(drawn[0], drawn[1])
    assert all(torch.equal(one.get_parameter(n)[8:16], other.get_parameter(n)[8:16]) for n in names)


def test_what_cannot_be_begun_so() -> None:
    with pytest.raises(SettingsError, match="needs a forget gate: the layer has no forget gate"):
        chrono(elman.RNN(2, 3), 100)
    with pytest.raises(SettingsError, match="the layer has no biases"):
        chrono(elman.LSTM(2, 3, bias=False), 100)
    with pytest.raises(SettingsError, match="longest must be 3 steps or more, got 2"):
        chrono(elman.LSTM(2, 3), 2)
