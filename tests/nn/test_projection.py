"""Layers with a projection of h, by kernels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

import elman

D = torch.float64
CELLS = ("rnn", "lstm", "peephole_lstm")


def pair(cell: str, **options: object) -> list[elman.nn.Recurrent]:
    torch.manual_seed(6)
    layers = [
        elman.layer(cell, 4, 7, proj_size=3, backend=backend, dtype=D, **options)
        for backend in ("compiled", "reference")
    ]
    layers[1].load_state_dict(layers[0].state_dict())
    return layers


def state_of(layer: elman.nn.Recurrent, batch: int) -> tuple[Tensor, ...]:
    shapes = layer._state_shapes(batch)
    return tuple(torch.randn(shape, dtype=D, requires_grad=True) for shape in shapes)


def results(
    layer: elman.nn.Recurrent, x: Tensor, state: tuple[Tensor, ...] | None, **given: object
) -> list[Tensor]:
    """Output, all states, and every gradient."""
    x = x.clone().requires_grad_()
    output, last, states = layer(x, state, return_states=True, **given)
    parts = [output]
    for each in (last, states):
        parts += [each] if isinstance(each, Tensor) else each
    loss = sum((2 + i) * part.sin().sum() for i, part in enumerate(parts))
    wanted = [x, *layer.parameters(), *(state or ())]
    return [*(part.detach() for part in parts), *torch.autograd.grad(loss, wanted)]


@settings(max_examples=30)
@given(
    cell=st.sampled_from(CELLS),
    steps=st.integers(1, 6),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    has_state=st.booleans(),
    is_ragged=st.booleans(),
    resets=st.booleans(),
    learnt=st.booleans(),
)
def test_results_and_gradients_are_those_of_the_equations(
    cell: str,
    steps: int,
    layers: int,
    bidirectional: bool,
    bias: bool,
    has_state: bool,
    is_ragged: bool,
    resets: bool,
    learnt: bool,
) -> None:
    options = {"num_layers": layers, "bidirectional": bidirectional, "bias": bias}
    own, plain = pair(cell, **options, learn_initial_state=learnt and not has_state)
    if own.learn_initial_state:
        with torch.no_grad():
            for name, value in own.named_parameters():
                if name.startswith("initial"):
                    value.normal_()
        plain.load_state_dict(own.state_dict())
    x = torch.randn(steps, 5, 4, dtype=D)
    state = state_of(own, 5) if has_state else None
    given: dict[str, Tensor] = {}
    if is_ragged:
        given["lengths"] = torch.tensor([steps, 0, 1, steps, (steps + 1) // 2])
    if resets:
        given["resets"] = torch.rand(steps, 5) < 0.4
    pairs = zip(results(own, x, state, **given), results(plain, x, state, **given), strict=True)
    for mine, other in pairs:
        assert_close(mine, other, rtol=1e-9, atol=1e-10)
    assert own.backend_used == "compiled"


@pytest.mark.parametrize("bidirectional", [False, True])
def test_results_are_those_of_torch(bidirectional: bool) -> None:
    options = {"proj_size": 3, "num_layers": 2, "bidirectional": bidirectional, "dtype": D}
    ours = elman.LSTM(4, 7, backend="compiled", **options)
    theirs = nn.LSTM(4, 7, **options)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(6, 5, 4, dtype=D)
    state = tuple(each.detach() for each in state_of(ours, 5))
    (mine, ends), (other, last) = ours(x, state), theirs(x, state)
    for a, b in zip((mine, *ends), (other, *last), strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-10)
    found = [
        torch.autograd.grad(output.square().sum(), [*layer.parameters()])
        for output, layer in ((mine, ours), (other, theirs))
    ]
    for a, b in zip(*found, strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_differences(cell: str) -> None:
    layer, _ = pair(cell)
    x = torch.randn(3, 2, 4, dtype=D, requires_grad=True)
    state = state_of(layer, 2)
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, rest[len(state) :], strict=True))
        given = rest[: len(state)]
        output, last = torch.func.functional_call(layer, weights, (x, given))
        return output, *((last,) if isinstance(last, Tensor) else last)

    assert torch.autograd.gradcheck(run, (x, *state, *layer.parameters()))
    assert torch.autograd.gradgradcheck(run, (x, *state, *layer.parameters()), fast_mode=True)


def test_a_stream_gives_what_the_whole_gives() -> None:
    layer, _ = pair("lstm")
    x = torch.randn(5, 2, 4, dtype=D)
    with torch.no_grad():
        whole, _ = layer(x)
        state = None
        for x_t, expected in zip(x, whole, strict=True):
            output, state = layer.step(x_t, state)
            assert_close(output, expected, rtol=1e-9, atol=1e-10)


def test_padding_is_not_read() -> None:
    layer, _ = pair("lstm")
    x, lengths = torch.randn(4, 2, 4, dtype=D), torch.tensor([4, 2])
    state = tuple(each.detach() for each in state_of(layer, 2))
    found = []
    for filler in (0.0, torch.nan):
        x[2:, 1] = filler
        output, _ = layer(x, state, lengths=lengths)
        found.append((output, *torch.autograd.grad(output.sum(), [*layer.parameters()])))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("options", [{"layer_norm": True}, {"zoneout": 0.3}])
def test_what_no_kernel_computes_is_said(options: dict[str, object]) -> None:
    layer, plain = pair("lstm", **options)
    x = torch.randn(3, 2, 4, dtype=D)
    with pytest.warns(UserWarning, match="runs on the reference: proj_size is not compiled with"):
        output = layer.eval()(x)[0]
    assert_close(output, plain.eval()(x)[0])
