"""Runs with kept weights: they follow every change, and are what the equations give."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import reachable
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN

D = torch.float64


def pair(cell: str, inputs: int, hidden: int, **options: object) -> tuple[elman.nn.Recurrent, ...]:
    torch.manual_seed(1)
    layer = elman.layer(cell, inputs, hidden, backend="compiled", **options)
    plain = elman.layer(cell, inputs, hidden, backend="reference", **options)
    plain.load_state_dict(layer.state_dict())
    return layer, plain


def gradients(layer: elman.nn.Recurrent, x: Tensor, **given: object) -> list[Tensor]:
    """Output, last states and the gradients of all that can have one."""
    x = x.clone().requires_grad_()
    output, state = layer(x, **given)
    ends = state if isinstance(state, tuple) else (state,)
    loss = output.square().sum() + sum((3 + i) * s.sin().sum() for i, s in enumerate(ends))
    found = torch.autograd.grad(loss, [x, *layer.parameters()])
    return [output.detach(), *(s.detach() for s in ends), *found]


@settings(max_examples=60)
@given(
    cell=st.sampled_from(sorted(BUILTIN)),
    sizes=st.tuples(*[st.integers(1, 20)] * 4),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    is_ragged=st.booleans(),
    has_state=st.booleans(),
    data=st.data(),
)
def test_training_equals_the_equations(
    cell: str,
    sizes: tuple[int, ...],
    layers: int,
    bidirectional: bool,
    bias: bool,
    batch_first: bool,
    is_ragged: bool,
    has_state: bool,
    data: st.DataObject,
) -> None:
    steps, batch, inputs, hidden = sizes
    layer, plain = pair(
        cell,
        inputs,
        hidden,
        num_layers=layers,
        bidirectional=bidirectional,
        bias=bias,
        batch_first=batch_first,
        dtype=D,
    )
    shape = (batch, steps) if batch_first else (steps, batch)
    options: dict[str, object] = {}
    if is_ragged:
        each = st.lists(st.integers(1, steps), min_size=batch, max_size=batch)
        options["lengths"] = torch.tensor(data.draw(each))
    if has_state:
        count = layers * (1 + bidirectional)
        drawn = {n: torch.randn(count, batch, hidden, dtype=D) for n in layer.cell.state}
        parts = tuple(reachable(drawn).values())
        options["state"] = parts if len(parts) > 1 else parts[0]
    for _ in range(2):  # the second time with what was kept
        x = torch.randn(*shape, inputs, dtype=D)
        for a, b in zip(
            gradients(layer, x, **options), gradients(plain, x, **options), strict=True
        ):
            assert_close(a, b, rtol=1e-9, atol=1e-10)
    assert layer.backend_used == "compiled"
    with torch.no_grad():
        for a, b in zip(layer(x, **options), plain(x, **options), strict=True):
            assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "peephole_lstm", "indrnn"])
def test_gradients_of_given_states(cell: str, steps: int) -> None:
    results = []
    for layer in pair(cell, 3, 5, dtype=D):
        torch.manual_seed(2)
        x = torch.randn(steps, 4, 3, dtype=D)
        state = [torch.randn(1, 4, 5, dtype=D).requires_grad_() for _ in layer.cell.state]
        output, _ = layer(x, tuple(state), lengths=torch.tensor([steps, 1, steps, 1]))
        results.append(torch.autograd.grad(output.cos().sum(), state, retain_graph=True))
        results.append(torch.autograd.grad(output.sin().sum(), state))  # the tape once more
    for a, b in zip(results[:2], results[2:], strict=True):
        for mine, theirs in zip(a, b, strict=True):
            assert_close(mine, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("gradients_too", [False, True])
def test_a_single_weight_written_through_data_is_seen(gradients_too: bool) -> None:
    layer, plain = pair("gru", 16, 32)
    x = torch.randn(20, 2, 16)
    for place in ((5, 7), (90, 31), (0, 0)):
        layer.weight_hh_l0.data[place] += 1
        layer.bias_ih_l0.detach().numpy()[place[0]] -= 1  # which torch does not count either
        plain.load_state_dict(layer.state_dict())
        with torch.set_grad_enabled(gradients_too):
            assert_close(layer(x)[0], plain(x)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_training_one_step_at_a_time(cell: str) -> None:
    """As a decoder does: the weights stay for some steps, and the state is part of the graph."""
    layer, plain = pair(cell, 6, 8, num_layers=2)
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (layer, plain)]
    for _ in range(4):
        x = torch.randn(5, 3, 6)
        losses = []
        for each, optimizer in zip((layer, plain), optimizers, strict=True):
            state, loss = None, torch.zeros(())
            for x_t in x:
                output, state = each.step(x_t, state)
                loss = loss + output.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        assert_close(*losses, rtol=1e-4, atol=1e-5)
    assert layer.backend_used == "compiled"


def test_weights_changed_before_the_backward_pass_are_an_error() -> None:
    layer, _ = pair("lstm", 3, 4)
    output, _ = layer(torch.randn(20, 2, 3))
    with torch.no_grad():
        layer.weight_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_dropout_between_layers_is_drawn_in_the_same_order() -> None:
    torch.manual_seed(0)
    layer, plain = pair("gru", 5, 7, num_layers=3, dropout=0.4, residual=True)
    x = torch.randn(6, 4, 5)
    results = []
    for each in (layer, plain):
        torch.manual_seed(3)
        results.append(gradients(each, x))
    for a, b in zip(*results, strict=True):
        assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_copy_keeps_nothing_of_the_original() -> None:
    layer, _ = pair("gru", 3, 4)
    x = torch.randn(5, 2, 3)
    layer(x)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        assert layer(x)[0].abs().max() == 0
        assert other(x)[0].abs().max() > 0


@pytest.mark.parametrize("is_ragged", [False, True])
@pytest.mark.parametrize(
    ("options", "threads"), [({}, 1), ({"bias": False}, 2), ({"bidirectional": True}, 2)]
)
@pytest.mark.parametrize(
    ("cell", "inputs", "hidden"), [("lstm", 3000, 70), ("gru", 5000, 53), ("mingru", 6000, 66)]
)
def test_large_products_with_the_input(
    cell: str, inputs: int, hidden: int, options: dict[str, bool], is_ragged: bool, threads: int
) -> None:
    """Those that torch makes before the kernel runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        layer, plain = pair(cell, inputs, hidden, dtype=D, **options)
        x = torch.randn(12, 7, inputs, dtype=D)
        given = {"lengths": torch.tensor([12, 1, 5, 9, 12, 3, 7])} if is_ragged else {}
        results = [gradients(each, x, **given) for each in (layer, plain)]
        for a, b in zip(*results, strict=True):
            assert_close(a, b, rtol=1e-8, atol=1e-9)
        with torch.no_grad():
            for a, b in zip(layer(x, **given), plain(x, **given), strict=True):
                assert_close(a, b, rtol=1e-9, atol=1e-10)
    finally:
        torch.set_num_threads(before)
    assert layer.backend_used == "compiled"


def test_padding_does_not_touch_large_products() -> None:
    layer, _ = pair("lstm", 3000, 70)
    x = torch.randn(20, 6, 3000)
    lengths = torch.tensor([20, 2, 15, 20, 9, 20])
    with torch.no_grad():
        expected, _ = layer(x, lengths=lengths)
        for at, length in enumerate(lengths.tolist()):
            x[length:, at] = torch.nan
        actual, _ = layer(x, lengths=lengths)
    assert torch.equal(actual, expected)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole_lstm"])
@pytest.mark.parametrize("steps", [16, 40, 100])
def test_long_sequences_of_few(cell: str, batch: int, steps: int) -> None:
    """Whose weights are read as they are stored, or packed a panel at a time, or all at once."""
    layer, plain = pair(cell, 21, 37, num_layers=2, bidirectional=True, dtype=D)
    x = torch.randn(steps, batch, 21, dtype=D)
    with torch.no_grad():
        for a, b in zip(layer(x), plain(x), strict=True):
            assert_close(a, b, rtol=1e-9, atol=1e-10)
