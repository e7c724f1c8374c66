"""A layer computes with the weights that it has at the call, however they came to be so."""

import threading
import warnings
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.testing import assert_close

import elman
from elman.nn import Recurrent

KINDS = ("RNN", "LSTM", "GRU")
SHAPES = ((3, 1), (1, 4), (9, 8))  # of few rows, of one step, of many rows


def ours_and_theirs(kind: str, **options: object) -> tuple[Recurrent, nn.RNNBase]:
    torch.manual_seed(3)
    ours, theirs = getattr(elman, kind)(7, 18, **options), getattr(nn, kind)(7, 18, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def assert_same(
    ours: Recurrent, theirs: nn.RNNBase, shapes: Sequence[tuple[int, int]] = SHAPES
) -> None:
    for shape in shapes:
        x = torch.randn(*shape, 7)
        with torch.no_grad():
            assert_close(ours(x)[0], theirs(x)[0], rtol=1e-4, atol=1e-5)
            if not ours.bidirectional:
                assert_close(ours.step(x[0])[0], theirs(x[:1])[0][0], rtol=1e-4, atol=1e-5)


def zero_a_column(layer: nn.Module) -> None:
    layer.weight_hh_l0.data[:, 11] = 0


def set_an_entry_of_the_array(layer: nn.Module) -> None:
    layer.weight_ih_l0.detach().numpy()[13, 2] = 5


def shift_a_bias(layer: nn.Module) -> None:
    layer.bias_hh_l0.data[17] += 2


def exchange_the_memory(layer: nn.Module) -> None:
    layer.weight_hh_l0.data = layer.weight_hh_l0.data.flip(1).contiguous()


def transpose_in_place(layer: nn.Module) -> None:
    block = layer.weight_hh_l0.data
    block[:18] = block[:18].t().clone()


def exchange_for_a_strided_view(layer: nn.Module) -> None:
    layer.weight_ih_l0.data = layer.weight_ih_l0.data.t().contiguous().t()


def exchange_the_parameter(layer: nn.Module) -> None:
    layer.weight_hh_l0 = nn.Parameter(layer.weight_hh_l0.detach() * 0.3)


def load_other_weights(layer: nn.Module) -> None:
    state = {name: value.sin() for name, value in layer.state_dict().items()}
    layer.load_state_dict(state)


def load_by_assignment(layer: nn.Module) -> None:
    state = {name: value.cos() for name, value in layer.state_dict().items()}
    layer.load_state_dict(state, assign=True)


def share_memory_with_a_buffer(layer: nn.Module) -> None:
    whole = torch.cat([layer.weight_hh_l0.detach().reshape(-1), torch.zeros(9)])
    layer.weight_hh_l0.data = whole[:-9].view_as(layer.weight_hh_l0)
    whole[40] = 3


CHANGES = (
    zero_a_column,
    set_an_entry_of_the_array,
    shift_a_bias,
    exchange_the_memory,
    transpose_in_place,
    exchange_for_a_strided_view,
    exchange_the_parameter,
    load_other_weights,
    load_by_assignment,
    share_memory_with_a_buffer,
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_change_is_followed(kind: str, change: Callable[[nn.Module], None]) -> None:
    ours, theirs = ours_and_theirs(kind)
    assert_same(ours, theirs)
    for layer in (ours, theirs):
        change(layer)
    assert_same(ours, theirs)
    assert ours.backend_used == "compiled"


def masked(layer: nn.Module) -> None:
    torch.manual_seed(5)
    prune.random_unstructured(layer, "weight_hh_l0", 0.4)


def with_weight_norm(layer: nn.Module) -> None:
    parametrizations.weight_norm(layer, "weight_hh_l0")


def old_spectral_norm(layer: nn.Module) -> None:
    torch.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.spectral_norm(layer, "weight_hh_l0").eval()


def halved_copy_under_the_name(layer: nn.Module) -> None:
    raw = layer._parameters.pop("weight_hh_l0")
    layer.register_parameter("weight_hh_l0_raw", raw)
    layer.weight_hh_l0 = raw * 0.5


def tensor_among_the_parameters(layer: nn.Module) -> None:
    layer._parameters["weight_hh_l0"] = layer.weight_hh_l0 * 0.5


REPLACED = (
    masked,
    with_weight_norm,
    old_spectral_norm,
    halved_copy_under_the_name,
    tensor_among_the_parameters,
)


@pytest.mark.parametrize("replace", REPLACED)
@pytest.mark.parametrize("kind", KINDS)
def test_weights_computed_from_others(kind: str, replace: Callable[[nn.Module], None]) -> None:
    """Where as many parameters are left as before, too; and with gradients to what they are
    computed from."""
    ours = getattr(elman, kind)(7, 18, dtype=torch.float64)
    reference = getattr(elman, kind)(7, 18, backend="reference", dtype=torch.float64)
    reference.load_state_dict(ours.state_dict())
    x = torch.randn(9, 8, 7, dtype=torch.float64)
    ours(x)
    for layer in (ours, reference):
        replace(layer)
    for shape in SHAPES:
        x = torch.randn(*shape, 7, dtype=torch.float64)
        found = [layer(x)[0] for layer in (ours, reference)]
        assert_close(*found, rtol=1e-6, atol=1e-7)
    sources = [list(layer.parameters()) for layer in (ours, reference)]
    gradients = [
        torch.autograd.grad(output.square().sum(), own, allow_unused=True)
        for output, own in zip(found, sources, strict=True)
    ]
    for mine, other in zip(*gradients, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert_close(mine, other, rtol=1e-6, atol=1e-7)


def test_weights_changed_while_other_threads_run() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, theirs = ours_and_theirs("LSTM")
        for trial in range(60):
            done = threading.Event()

            def run(done: threading.Event = done) -> None:
                with torch.no_grad():
                    while not done.is_set():
                        ours(torch.ones(3, 8, 7))

            readers = [threading.Thread(target=run) for _ in range(3)]
            for reader in readers:
                reader.start()
            torch.manual_seed(trial)
            with torch.no_grad():
                for parameter in ours.parameters():
                    parameter.copy_(torch.randn_like(parameter) * 0.3)
            done.set()
            for reader in readers:
                reader.join()
            theirs.load_state_dict(ours.state_dict())
            assert_same(ours, theirs, [(3, 8)])
    finally:
        torch.set_num_threads(before)


@settings(max_examples=60)
@given(
    cell=st.sampled_from(sorted(elman.cells.BUILTIN)),
    rows=st.sampled_from([(1, 1), (1, 7), (1, 15), (2, 7), (5, 3), (15, 1), (1, 16), (4, 4)]),
    inputs=st.integers(1, 40),
    hidden=st.integers(1, 70),
    bias=st.booleans(),
    double=st.booleans(),
    bidirectional=st.booleans(),
    ragged=st.booleans(),
)
def test_few_rows_by_weights_as_stored(
    cell: str,
    rows: tuple[int, int],
    inputs: int,
    hidden: int,
    bias: bool,
    double: bool,
    bidirectional: bool,
    ragged: bool,
) -> None:
    steps, batch = rows
    dtype = torch.float64 if double else torch.float32
    options = {"bias": bias, "bidirectional": bidirectional, "dtype": dtype}
    torch.manual_seed(hidden)
    layer = elman.layer(cell, inputs, hidden, backend="compiled", **options)
    reference = elman.layer(cell, inputs, hidden, backend="reference", **options)
    reference.load_state_dict(layer.state_dict())
    lengths = torch.randint(1, steps + 1, (batch,)) if ragged else None
    results: list[list[Tensor]] = []
    for each in (layer, reference):
        torch.manual_seed(1)
        x = torch.randn(steps, batch, inputs, dtype=dtype, requires_grad=True)
        output, state = each(x, lengths=lengths)
        ends = state if isinstance(state, tuple) else (state,)
        loss = output.square().sum() + sum(end.sin().sum() for end in ends)
        gradients = torch.autograd.grad(loss, [x, *each.parameters()])
        with torch.no_grad():
            again, _ = each(x, lengths=lengths)
        results.append([output.detach(), again, *gradients])
    tolerance = 1e-9 if double else 2e-4
    for mine, other in zip(*results, strict=True):
        assert_close(mine, other, rtol=tolerance, atol=tolerance)


def test_a_layer_made_in_inference_mode_runs_compiled() -> None:
    with torch.inference_mode():
        layer = elman.GRU(5, 9)
        x = torch.randn(4, 2, 5)
        first = layer(x)[0]
        layer.weight_hh_l0[3, 3] += 1
        second = layer.step(x[0])
        reference = elman.GRU(5, 9, backend="reference")
        reference.load_state_dict(layer.state_dict())
        assert_close(second[0], reference.step(x[0])[0])
        assert not torch.equal(first, layer(x)[0])
    assert layer.backend_used == "compiled"
    assert layer._prepared._kept is not None


def test_settings_changed_later_are_obeyed() -> None:
    x = torch.randn(5, 2, 3)
    layer = elman.LSTM(3, 4, backend="reference")
    used = []
    for backend in ("auto", "reference", "compiled"):
        layer.backend = backend
        layer(x)
        layer.step(x[0])
        used.append(layer.backend_used)
    assert used == ["compiled", "reference", "compiled"]
    layer.zoneout = 0.25
    assert layer.zoneout == (0.25, 0.25)
    plain = elman.LSTM(3, 4, zoneout=0.25, backend="reference")
    plain.load_state_dict(layer.state_dict())
    assert_close(layer.eval()(x)[0], plain.eval()(x)[0])
    with pytest.raises(ValueError, match="backend must be one of auto, reference, compiled"):
        layer.backend = "fast"
    with pytest.raises(ValueError, match="zoneout must be a share from 0 to 1"):
        layer.zoneout = {"h": 2}
