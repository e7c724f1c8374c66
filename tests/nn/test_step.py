"""Single steps without gradients: what the equations give, with the weights and settings of the
moment, and in memory of their own."""

import threading
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.errors import SettingsError
from elman.nn import Recurrent


def pair(cell: str, inputs: int, hidden: int, **options: object) -> tuple[Recurrent, Recurrent]:
    torch.manual_seed(4)
    layer = elman.layer(cell, inputs, hidden, backend="compiled", **options)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.startswith("norm"):  # gains are 1 at first
                parameter.add_(0.3 * torch.randn_like(parameter))
    reference = elman.layer(cell, inputs, hidden, backend="reference", **options)
    reference.load_state_dict(layer.state_dict())
    return layer, reference


def as_tuple(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else state


def assert_same_steps(layer: Recurrent, reference: Recurrent, x: Tensor, steps: int = 3) -> None:
    tolerance = 1e-9 if x.dtype == torch.float64 else 1e-4
    states = [None, None]
    for _ in range(steps):
        found = [each.step(x, s) for each, s in zip((layer, reference), states, strict=True)]
        states = [state for _, state in found]
        parts = [(output, *as_tuple(state)) for output, state in found]
        for mine, other in zip(*parts, strict=True):
            assert_close(mine, other, rtol=tolerance, atol=tolerance)


@settings(max_examples=30)
@given(
    cell=st.sampled_from(sorted(BUILTIN)),
    batch=st.sampled_from([1, 2, 3, 5, 13, 15, 16, 29, 40]),
    inputs=st.integers(1, 40),
    hidden=st.integers(1, 70),
    layers=st.integers(1, 3),
    bias=st.booleans(),
    normed=st.booleans(),
    double=st.booleans(),
    threads=st.integers(1, 2),
    inference=st.booleans(),
)
def test_steps_equal_the_equations(
    cell: str,
    batch: int,
    inputs: int,
    hidden: int,
    layers: int,
    bias: bool,
    normed: bool,
    double: bool,
    threads: int,
    inference: bool,
) -> None:
    dtype = torch.float64 if double else torch.float32
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode() if inference else torch.no_grad():
            options = {"num_layers": layers, "bias": bias, "layer_norm": normed, "dtype": dtype}
            own = pair(cell, inputs, hidden, **options)
            assert_same_steps(*own, torch.randn(batch, inputs, dtype=dtype))
    finally:
        torch.set_num_threads(before)
    assert own[0].backend_used == "compiled"


@torch.no_grad()
def test_normalised_layers_step_as_others_do() -> None:
    """By what is prepared, not by a whole sequence's way; and settings of the moment hold."""
    layer, reference = pair("lstm", 5, 7, num_layers=2, layer_norm=True)
    assert_same_steps(layer, reference, torch.randn(2, 5))
    assert layer._prepared._kept is not None
    assert len(layer._prepared._kept.steps) == 1
    x = torch.randn(3, 2, 5)
    assert_close(layer(x)[0], reference(x)[0])
    for each in (layer, reference):
        each.norm_hh_l0.mul_(2)
        each.norm_ih_l1 = torch.nn.Parameter(each.norm_ih_l1 + 1)
    assert_same_steps(layer, reference, torch.randn(2, 5))


@torch.no_grad()
def test_threads_share_the_hidden_units_of_a_large_step() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for batch in (1, 3):
            layer, reference = pair("lstm", 100, 200, num_layers=2)
            assert_same_steps(layer, reference, torch.randn(batch, 100))
    finally:
        torch.set_num_threads(before)


def add_in_place(layer: Recurrent) -> None:
    with torch.inference_mode():
        layer.weight_hh_l0[7, 2] += 1


def write_through_data(layer: Recurrent) -> None:
    layer.weight_ih_l0.data[3] = 2


def write_the_array(layer: Recurrent) -> None:
    with torch.inference_mode():
        layer.bias_hh_l0.detach().numpy()[5] = 3


def load(layer: Recurrent) -> None:
    state = {name: value.clone().mul(0.5) for name, value in layer.state_dict().items()}
    layer.load_state_dict(state)


def exchange(layer: Recurrent) -> None:
    layer.weight_hh_l0 = torch.nn.Parameter(layer.weight_hh_l0.detach().clone().neg())


def transpose(layer: Recurrent) -> None:
    square = layer.weight_ih_l0.data
    layer.weight_ih_l0.data = square.flip(0).t().contiguous().t()


CHANGES = (add_in_place, write_through_data, write_the_array, load, exchange, transpose)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("made_in", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("batch", [1, 20])
def test_every_change_of_the_weights_is_followed(
    made_in: type[torch.inference_mode], change: Callable[[Recurrent], None], batch: int
) -> None:
    with made_in():
        layer, reference = pair("gru", 24, 18)
        x = torch.randn(batch, 24)
        assert_same_steps(layer, reference, x)
        state = torch.ones(1, batch, 18)
        was = layer.step(x, state)[0]
        change(layer)
        reference.load_state_dict(layer.state_dict())
        assert_same_steps(layer, reference, x)
        assert not torch.equal(was, layer.step(x, state)[0])


def test_a_layer_made_in_inference_mode_prepares_its_steps_once() -> None:
    with torch.inference_mode():
        layer, _ = pair("lstm", 6, 8)
        x = torch.randn(2, 6)
        _, state = layer.step(x)
        prepared = layer._prepared._kept.steps[x.shape]
        layer.weight_hh_l0 += 1
        for _ in range(3):
            _, state = layer.step(x, state)
        assert layer._prepared._kept.steps[x.shape] is prepared
    with torch.no_grad():
        layer.step(torch.randn(2, 6), tuple(torch.zeros(1, 2, 8) for _ in range(2)))
        assert layer._prepared._kept.steps[x.shape] is prepared


@torch.no_grad()
def test_results_have_memory_of_their_own() -> None:
    layer, _ = pair("lstm", 5, 9, num_layers=2)
    x = torch.randn(3, 5)
    output, state = layer.step(x)
    copies = [each.clone() for each in (output, *state)]
    given = [each.clone() for each in state]
    layer.step(torch.randn(3, 5), state)
    for mine, copy in zip((output, *state), copies, strict=True):
        assert torch.equal(mine, copy)
    output.fill_(7)
    assert all(torch.equal(a, b) for a, b in zip(state, given, strict=True))


@torch.no_grad()
def test_strided_inputs_and_states() -> None:
    layer, reference = pair("lstm", 6, 4)
    x = torch.randn(6, 3).t()
    state = tuple(torch.randn(1, 4, 3).transpose(1, 2) for _ in range(2))
    for mine, other in zip(layer.step(x, state)[1], reference.step(x, state)[1], strict=True):
        assert_close(mine, other)
    everywhere = tuple(torch.randn(1, 1, 4).expand(1, 3, 4) for _ in range(2))
    assert_close(layer.step(x, everywhere)[0], reference.step(x, everywhere)[0])


@torch.no_grad()
def test_settings_of_the_moment_hold() -> None:
    layer, reference = pair("gru", 3, 5, num_layers=2)
    x = torch.randn(2, 3)
    layer.step(x)
    layer.backend = "reference"
    layer.step(x)
    assert layer.backend_used == "reference"
    layer.backend = "auto"
    layer.step(x)
    assert layer.backend_used == "compiled"
    for each in (layer, reference):
        each.zoneout = 0.5
        each.eval()
    assert_same_steps(layer, reference, x)
    for each in (layer, reference):
        each.zoneout = 0.0
    assert_same_steps(layer, reference, x)


@torch.no_grad()
def test_a_learnt_initial_state_is_the_first() -> None:
    layer, reference = pair("lstm", 3, 4, learn_initial_state=True)
    for each in (layer, reference):
        each.initial_h_l0.fill_(0.5)
    x = torch.randn(2, 3)
    layer.step(x, tuple(torch.zeros(1, 2, 4) for _ in range(2)))
    assert_same_steps(layer, reference, x)


@torch.no_grad()
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_state_is_an_error_after_right_ones(count: int) -> None:
    layer, _ = pair("lstm", 3, 4)
    x = torch.randn(2, 3)
    layer.step(x)
    with pytest.raises(SettingsError, match="state must hold 2 tensors"):
        layer.step(x, tuple(torch.zeros(1, 2, 4) for _ in range(count)))
    with pytest.raises(SettingsError, match="state h must have shape"):
        layer.step(x, tuple(torch.zeros(1, 3, 4) for _ in range(2)))


def test_steps_from_several_threads() -> None:
    layer, reference = pair("lstm", 16, 48)
    inputs = [torch.randn(batch, 16) for batch in (1, 1, 4, 20)]
    with torch.no_grad():
        expected = [reference.step(x)[0] for x in inputs]
    problems: list[AssertionError] = []

    def run(x: Tensor, wanted: Tensor) -> None:
        with torch.no_grad():
            for _ in range(200):
                try:
                    assert_close(layer.step(x)[0], wanted, rtol=1e-4, atol=1e-5)
                except AssertionError as error:
                    problems.append(error)
                    return

    pairs = zip(inputs, expected, strict=True)
    workers = [threading.Thread(target=run, args=each) for each in pairs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not problems
