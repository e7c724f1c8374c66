"""Dropout of every kind and zoneout, on cells so plain that every number is known."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import elman


class Sum(elman.Cell):
    """h = W x + R h, nothing else."""

    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": x.h + r.h}


def summing(size: int = 200, **options: Any) -> elman.nn.Recurrent:
    """A layer that adds up its inputs: all matrices are the identity."""
    layer = elman.layer(Sum, size, size, bias=False, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            torch.nn.init.eye_(parameter)
    return layer


def share(values: Tensor) -> float:
    return float(values.double().mean())


def test_recurrent_dropout_drops_the_same_units_at_all_steps() -> None:
    torch.manual_seed(0)
    layer, x = summing(recurrent_dropout=0.25), torch.ones(4, 50, 200)
    output, last = layer(x)
    kept = output[1] > 1.5
    assert share(kept) == pytest.approx(0.75, abs=0.02)
    scale = 1 / 0.75  # h_t = 1 + scale * h_{t-1} where kept, 1 where not
    for t in range(4):
        expected = sum(scale**k for k in range(t + 1))
        assert_close(output[t][kept], torch.full_like(output[t][kept], expected))
        assert_close(output[t][~kept], torch.ones_like(output[t][~kept]))
    assert_close(last[0], output[-1])
    assert share(kept[0] != kept[1]) > 0.2  # each sequence its own
    assert_close(layer.eval()(x)[0][-1], torch.full((50, 200), 4.0))


def test_recurrent_dropout_of_everything_cuts_the_recurrence() -> None:
    layer, x = elman.LSTM(3, 4, bias=False, recurrent_dropout=1.0), torch.randn(5, 2, 3)
    cut = elman.LSTM(3, 4, bias=False)
    cut.load_state_dict(layer.state_dict())
    torch.nn.init.zeros_(cut.weight_hh_l0)
    assert_close(layer(x)[0], cut(x)[0])


def test_recurrent_dropout_without_a_recurrent_matrix_does_nothing() -> None:
    layer, x = elman.layer("mingru", 3, 4, recurrent_dropout=0.9), torch.randn(5, 2, 3)
    assert_close(layer(x)[0], layer.eval()(x)[0])


def test_zoneout_of_everything_keeps_the_state() -> None:
    for cell in ("lstm", "gru"):
        for training in (True, False):
            layer = elman.layer(cell, 3, 4, num_layers=2, zoneout=1.0).train(training)
            state = tuple(torch.randn(2, 5, 4) for _ in layer.cell.state)
            given = state[0] if len(state) == 1 else state
            output, last = layer(torch.randn(6, 5, 3), given)
            assert_close(last, given)
            assert_close(output, state[0][-1].expand_as(output))


def test_zoneout_keeps_or_renews_each_unit_while_training() -> None:
    torch.manual_seed(0)
    layer, x = summing(zoneout=0.3), torch.randn(6, 20, 200)
    torch.nn.init.zeros_(layer.weight_hh_l0)  # so that the new state is x_t itself
    output, _ = layer(x)
    before = torch.cat([torch.zeros(1, 20, 200), output[:-1]])
    kept = output == before
    assert_close(output[~kept], x[~kept])
    assert share(kept) == pytest.approx(0.3, abs=0.01)
    assert share(kept[0] != kept[1]) > 0.2  # each step its own


def test_zoneout_takes_the_expectation_in_eval() -> None:
    torch.manual_seed(0)
    layer = elman.layer("lstm", 3, 4, zoneout={"h": 0.2, "c": 0.5}, dtype=torch.float64).eval()
    plain = elman.layer("lstm", 3, 4, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    h = c = torch.zeros(1, 2, 4, dtype=torch.float64)
    for t in range(5):
        _, (new_h, new_c) = plain(x[t : t + 1], (h, c))
        h, c = 0.2 * h + 0.8 * new_h, 0.5 * c + 0.5 * new_c
    output, last = layer(x)
    assert_close(last, (h, c))
    assert_close(output[-1:], h)


def test_zoneout_of_one_state_leaves_the_other() -> None:
    torch.manual_seed(0)
    layer = elman.layer("lstm", 3, 4, zoneout={"c": 1.0})
    plain = elman.layer("lstm", 3, 4)
    plain.load_state_dict(layer.state_dict())
    x, state = torch.randn(1, 2, 3), (torch.randn(1, 2, 4), torch.randn(1, 2, 4))
    (_, (h, c)), (_, (usual, _)) = layer(x, state), plain(x, state)
    assert_close(h, usual)
    assert_close(c, state[1])


def test_weight_dropout() -> None:
    torch.manual_seed(0)
    layer, x = summing(weight_dropout=0.4), torch.ones(3, 2, 200)
    output, _ = layer(x)
    kept = output[1] > 1.5
    assert bool((kept[0] == kept[1]).all())  # a weight is gone for the whole batch
    assert share(kept) == pytest.approx(0.6, abs=0.1)
    scale = 1 / 0.6
    assert_close(output[2][kept], torch.full_like(output[2][kept], 1 + scale + scale**2))
    assert_close(output[2][~kept], torch.ones_like(output[2][~kept]))
    assert_close(layer.weight_hh_l0, torch.eye(200))  # the weights themselves stay
    assert_close(layer.eval()(x)[0][-1], torch.full((2, 200), 3.0))


def test_weight_dropout_gives_dropped_weights_no_gradient() -> None:
    torch.manual_seed(0)
    layer = elman.LSTM(3, 8, weight_dropout=0.5)
    layer(torch.randn(4, 2, 3))[0].sum().backward()
    assert share(layer.weight_hh_l0.grad == 0) == pytest.approx(0.5, abs=0.1)
    assert bool((layer.weight_ih_l0.grad != 0).all())


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_between_layers(variational: bool) -> None:
    torch.manual_seed(0)
    layer = summing(num_layers=2, dropout=0.25, variational=variational)
    for name in ("weight_hh_l0", "weight_hh_l1"):
        torch.nn.init.zeros_(getattr(layer, name))
    x = torch.ones(10, 20, 200)
    output, _ = layer(x)
    kept = output != 0
    assert_close(output[kept], torch.full_like(output[kept], 1 / 0.75))
    assert share(kept) == pytest.approx(0.75, abs=0.02)
    assert share(kept[0, 0] != kept[0, 1]) > 0.2
    assert bool((kept == kept[0]).all()) == variational
    assert_close(layer.eval()(x)[0], x)


def test_dropout_spares_the_last_layer() -> None:
    layer, x = summing(dropout=0.9), torch.ones(3, 2, 200)
    assert_close(layer(x)[0][-1], torch.full((2, 200), 3.0))


def test_a_seed_fixes_every_mask() -> None:
    layer = elman.layer(
        "lstm",
        3,
        8,
        num_layers=2,
        dropout=0.3,
        variational=True,
        recurrent_dropout=0.3,
        weight_dropout=0.3,
        zoneout=0.3,
    )
    x, outputs = torch.randn(4, 2, 3), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(layer(x)[0])
    assert_close(outputs[0], outputs[1], rtol=0, atol=0)
    assert not torch.equal(outputs[0], outputs[2])
