"""Dilated layers against a loop over time, and their states."""

from typing import Any

import pytest
import torch
from torch import Tensor

from elman.errors import SettingsError
from elman.nn import Dilated, Recurrent

DILATIONS = (1, 3, 4)


def stack(cell: str, **options: Any) -> Dilated:
    torch.manual_seed(0)
    sizes = [(2, 5), (5, 5), (5, 5)]
    return Dilated([Recurrent(cell, *size, **options) for size in sizes], DILATIONS)


def by_hand(layers: Dilated, x: Tensor) -> Tensor:
    """Each step from the layer's own state d steps before."""
    for layer, d in zip(layers.layers, layers.dilations, strict=True):
        states: list[Any] = [None] * d
        outputs = []
        for x_t in x:
            output, new = layer.step(x_t, states[-d])
            states.append(new)
            outputs.append(output)
        x = torch.stack(outputs)
    return x


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"learn_initial_state": True}])
def test_as_a_loop_over_time(cell: str, options: dict[str, Any]) -> None:
    layers = stack(cell, **options)
    x = torch.randn(14, 3, 2)
    torch.testing.assert_close(layers(x)[0], by_hand(layers, x))


def test_gradients_are_those_of_the_loop() -> None:
    layers = stack("lstm")
    x = torch.randn(10, 2, 2)
    weights = list(layers.parameters())
    found = torch.autograd.grad(layers(x)[0].square().sum(), weights)
    expected = torch.autograd.grad(by_hand(layers, x).square().sum(), weights)
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("cut", [1, 4, 7, 12])
def test_it_goes_on_from_its_state(cell: str, cut: int) -> None:
    layers = stack(cell, learn_initial_state=True)
    x = torch.randn(15, 3, 2)
    whole, last = layers(x)
    first, state = layers(x[:cut])
    second, again = layers(x[cut:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    outputs = []
    for x_t in x[cut:]:
        output, state = layers.step(x_t, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs), whole[cut:])
    for one, two, three in zip(*(as_tuple(each) for each in (last, again, state)), strict=True):
        assert one.shape == (sum(DILATIONS), 3, 5)
        torch.testing.assert_close(one, two)
        torch.testing.assert_close(one, three)


def test_padding_does_not_touch_the_state() -> None:
    layers = stack("lstm")
    x = torch.randn(11, 3, 2)
    lengths = torch.tensor([11, 2, 6])
    output, state = layers(x, lengths=lengths)
    for b, length in enumerate(lengths.tolist()):
        alone, own = layers(x[:length, b : b + 1])
        torch.testing.assert_close(output[:length, b : b + 1], alone)
        assert (output[length:, b] == 0).all()
        for part, expected in zip(state, own, strict=True):
            torch.testing.assert_close(part[:, b : b + 1], expected)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("goes_on", [False, True])
def test_states_after_some_steps(cell: str, goes_on: bool) -> None:
    layers = stack(cell, learn_initial_state=True)
    x = torch.randn(9, 2, 2)
    _, before = layers(torch.randn(6, 2, 2))
    output, states = layers.after(x, torch.tensor([0, 2, 8]), before if goes_on else None)
    for i, at in enumerate((0, 2, 8)):
        whole, state = layers(x[: at + 1], before if goes_on else None)
        torch.testing.assert_close(output[i], whole[-1])
        for part, expected in zip(states, as_tuple(state), strict=True):
            torch.testing.assert_close(part[i], expected)


def test_settings_that_cannot_work() -> None:
    one = Recurrent("gru", 2, 5)
    with pytest.raises(SettingsError, match=r"dilations=\(1, 2\): one number from 1 for each of 1"):
        Dilated([one], [1, 2])
    with pytest.raises(SettingsError, match=r"dilations=\(0,\)"):
        Dilated([one], [0])
    with pytest.raises(SettingsError, match="outputs of 5 is followed by one with inputs of 2"):
        Dilated([one, Recurrent("gru", 2, 5)], [1, 2])
    with pytest.raises(SettingsError, match="num_layers=1"):
        Dilated([Recurrent("gru", 2, 5, bidirectional=True)], [1])


def as_tuple(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)
