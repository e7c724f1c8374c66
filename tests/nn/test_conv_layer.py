"""Convolutional layers: every way of computing against the equations, and what a call gives."""

from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.math import sigmoid, tanh

EXACT = {"rtol": 1e-9, "atol": 1e-11}


class Highway(elman.Cell):
    """A user's own: two states, a parameter, one gate without a recurrent product."""

    gates = ("h", "t", "k")
    recurrent = ("h", "t")
    state = ("h", "m")
    params = {"u": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        t = sigmoid(x.t + r.t)
        m = p.u * s.m + x.k
        return {"h": t * tanh(x.h + r.h * m) + (1 - t) * s.h, "m": m}


def make(cell: Any, *sizes: Any, **options: Any) -> elman.nn.ConvRecurrent:
    torch.manual_seed(0)
    layer = elman.conv_layer(cell, *sizes, dtype=torch.float64, **options)
    for name, parameter in layer.named_parameters():
        if name.startswith(("initial_", "norm_")):
            torch.nn.init.normal_(parameter)
    return layer


def parts(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def whole(parts: list[Tensor]) -> Any:
    return parts[0] if len(parts) == 1 else tuple(parts)


def random_state(layer: elman.nn.ConvRecurrent, x: Tensor) -> list[Tensor]:
    """A state for an input (T, B, C, H, W)."""
    shapes = [part.shape for part in parts(layer(x[:1])[1])]
    return [torch.randn(shape, dtype=x.dtype, requires_grad=True) for shape in shapes]


def results_of(
    layer: elman.nn.ConvRecurrent, backend: str, x: Tensor, state: list[Tensor], **options: Any
) -> list[Tensor]:
    """Output, states and states at every step, and the gradients of a random sum of them."""
    layer.backend = backend
    torch.manual_seed(1)  # of dropout and zoneout
    found = layer(x, whole(state), return_states=True, **options)
    assert layer.backend_used == backend
    flat = [each for part in found for each in parts(part)]
    torch.manual_seed(2)
    value = sum((each * torch.randn(each.shape, dtype=each.dtype)).sum() for each in flat)
    inputs = [x, *state, *layer.parameters()]
    gradients = torch.autograd.grad(value, inputs, allow_unused=True)
    nothing = zip(gradients, inputs, strict=True)
    return [each.detach() for each in flat] + [
        torch.zeros_like(i) if g is None else g for g, i in nothing
    ]


CELLS = [*BUILTIN, Highway]
OPTIONS = st.fixed_dictionaries(
    {
        "kernel_size": st.sampled_from([1, 3, (3, 1), (1, 5)]),
        "num_layers": st.integers(1, 2),
        "bias": st.booleans(),
        "bidirectional": st.booleans(),
        "stride": st.sampled_from([1, 2, (1, 3)]),
        "dilation": st.sampled_from([1, 2]),
        "dropout": st.sampled_from([0.0, 0.5]),
        "zoneout": st.sampled_from([0.0, 0.3]),
        "recurrent_dropout": st.sampled_from([0.0, 0.4]),
        "residual": st.booleans(),
        "learn_initial_state": st.booleans(),
    }
)


@settings(max_examples=25)
@given(data=st.data(), cell=st.sampled_from(CELLS), options=OPTIONS, training=st.booleans())
def test_compiled_equals_reference(data: Any, cell: Any, options: Any, training: bool) -> None:
    sizes = [data.draw(st.integers(1, most)) for most in (5, 4, 3, 6, 6)]
    steps, batch = sizes[:2]
    layer = make(cell, sizes[2], data.draw(st.integers(1, 5)), **options).train(training)
    x = torch.randn(*sizes, dtype=torch.float64, requires_grad=True)
    state = random_state(layer, x.detach())
    lengths = resets = None
    if data.draw(st.booleans()):
        count = st.lists(st.integers(0, steps), min_size=batch, max_size=batch)
        lengths = torch.tensor(data.draw(count))
    if data.draw(st.booleans()):
        resets = torch.rand(steps, batch) < 0.3
    given = {"lengths": lengths, "resets": resets}
    ours = results_of(layer, "compiled", x, state, **given)
    for actual, expected in zip(
        ours, results_of(layer, "reference", x, state, **given), strict=True
    ):
        assert_close(actual, expected, **EXACT)
    layer.backend = "compiled"
    with torch.no_grad():
        torch.manual_seed(1)
        assert_close(layer(x, whole(state), **given)[0], ours[0], **EXACT)


@pytest.mark.parametrize("backend", ["reference", "compiled"])
@pytest.mark.parametrize("cell", CELLS)
def test_kernels_of_one_on_maps_of_one_are_the_dense_layer(cell: Any, backend: str) -> None:
    options: Any = {"num_layers": 2, "bidirectional": True}
    layer = make(cell, 3, 4, 1, backend=backend, **options)
    dense = elman.layer(cell, 3, 4, dtype=torch.float64, **options)
    values = {
        name: value.flatten(1) if value.dim() == 4 else value
        for name, value in layer.state_dict().items()
    }
    assert list(values) == list(dense.state_dict())
    dense.load_state_dict(values)
    x, lengths = torch.randn(6, 3, 3, dtype=torch.float64), torch.tensor([6, 0, 4])
    resets = torch.zeros(6, 3, dtype=torch.bool)
    resets[3, 0] = resets[1, 2] = True
    expected = dense(x, lengths=lengths, resets=resets, return_states=True)
    actual = layer(x[..., None, None], lengths=lengths, resets=resets, return_states=True)
    for ours, theirs in zip(actual, expected, strict=True):
        for part, other in zip(parts(ours), parts(theirs), strict=True):
            assert_close(part[..., 0, 0], other, **EXACT)


def test_layer_norm_on_maps_of_one_is_the_dense_one() -> None:
    layer = make("lstm", 3, 4, 1, layer_norm=True)
    dense = elman.layer("lstm", 3, 4, layer_norm=True, dtype=torch.float64)
    values = layer.state_dict().items()
    dense.load_state_dict({n: v.flatten(1) if v.dim() == 4 else v for n, v in values})
    x = torch.randn(6, 1, 3, dtype=torch.float64)
    assert_close(layer(x[..., None, None])[0][..., 0, 0], dense(x)[0], **EXACT)


@pytest.mark.parametrize("backend", ["reference", "compiled"])
@pytest.mark.parametrize("cell", ["lstm", "peephole_lstm"])
def test_conv_lstm_written_out(cell: str, backend: str) -> None:
    layer = make(cell, 2, 3, (3, 5), map_size=(6, 7), backend=backend)
    x = torch.randn(4, 2, 2, 6, 7, dtype=torch.float64)
    w = dict(layer.named_parameters())
    h = c = torch.zeros(2, 3, 6, 7, dtype=torch.float64)
    for t in range(4):
        a = F.conv2d(x[t], w["weight_ih_l0"], w["bias_ih_l0"], padding=(1, 2))
        a = a + F.conv2d(h, w["weight_hh_l0"], w["bias_hh_l0"], padding=(1, 2))
        i, f, g, o = a.split(3, 1)
        if cell == "peephole_lstm":
            assert w["p_i_l0"].shape == (3, 6, 7)
            i, f = i + w["p_i_l0"] * c, f + w["p_f_l0"] * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        if cell == "peephole_lstm":
            o = o + w["p_o_l0"] * c
        h = torch.sigmoid(o) * torch.tanh(c)
    output, (last, cell_state) = layer(x)
    for actual, expected in ((output[-1], h), (last[0], h), (cell_state[0], c)):
        assert_close(actual, expected, **EXACT)


def test_gradients_by_finite_differences() -> None:
    layer = make(Highway, 2, 2, 3, bidirectional=True, backend="compiled")
    x = torch.randn(3, 2, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    state = random_state(layer, x.detach())
    lengths, resets = torch.tensor([3, 2]), torch.zeros(3, 2, dtype=torch.bool)
    resets[1, 0] = True

    def run(x: Tensor, *state: Tensor) -> Any:
        output, last = layer(x, state, lengths=lengths, resets=resets)
        return output, *last

    assert torch.autograd.gradcheck(run, (x, *state))


@pytest.mark.parametrize("backend", ["reference", "compiled"])
def test_second_derivatives(backend: str) -> None:
    layer = make("gru", 1, 2, 3, backend=backend)
    x = torch.randn(2, 1, 1, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layer(x)[0], (x,))


@pytest.mark.parametrize("options", [{}, {"layer_norm": True}, {"group_norm": 2, "residual": True}])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_ragged_equals_each_alone_whatever_stands_on_padding(
    options: Any, bidirectional: bool
) -> None:
    layer = make("lstm", 4, 4, num_layers=2, bidirectional=bidirectional, **options)
    x = torch.randn(6, 4, 4, 5, 3, dtype=torch.float64)
    lengths = torch.tensor([6, 0, 2, 5])
    padded = x.clone()
    for b, length in enumerate(lengths):
        padded[length:, b] = float("nan")
    padded.requires_grad_()
    output, last = layer(padded, lengths=lengths)
    output.square().sum().backward()
    assert padded.grad is not None
    for b, length in enumerate(lengths.tolist()):
        alone, own = layer(x[:length, b : b + 1])
        assert_close(output[:length, b : b + 1], alone, **EXACT)
        assert not output[length:, b].any()
        assert not padded.grad[length:, b].any()
        for part, other in zip(last, own, strict=True):
            assert_close(part[:, b : b + 1], other, **EXACT)
    assert all(p.grad.isfinite().all() for p in layer.parameters() if p.grad is not None)


@pytest.mark.parametrize("backend", ["reference", "compiled"])
def test_resets_equal_separate_clips(backend: str) -> None:
    layer = make("lstm", 2, 3, bidirectional=True, learn_initial_state=True, backend=backend)
    x = torch.randn(7, 1, 2, 4, 4, dtype=torch.float64)
    resets = torch.zeros(7, 1, dtype=torch.bool)
    resets[2] = resets[5] = True
    output, _ = layer(x, resets=resets)
    for start, stop in pairwise([0, 2, 5, 7]):
        assert_close(output[start:stop], layer(x[start:stop])[0], **EXACT)


@pytest.mark.parametrize("cell", CELLS)
def test_steps_and_pieces_equal_the_whole(cell: Any) -> None:
    layer = make(cell, 2, 3, num_layers=2, stride=2, zoneout=0.2).eval()
    x = torch.randn(5, 2, 2, 5, 4, dtype=torch.float64)
    output, last, states = layer(x, return_states=True)
    state: Any = None
    for t, x_t in enumerate(x):
        y, state = layer.step(x_t, state)
        assert_close(y, output[t], **EXACT)
        for part, every in zip(parts(state), parts(states), strict=True):
            assert_close(part, every[t], **EXACT)
    first, between = layer(x[:2])
    second, end = layer(x[2:], between)
    assert_close(torch.cat([first, second]), output, **EXACT)
    for part, other in zip(parts(end), parts(last), strict=True):
        assert_close(part, other, **EXACT)


def test_forms_of_the_input() -> None:
    layer, first = make("gru", 2, 3), make("gru", 2, 3, batch_first=True)
    x = torch.randn(5, 2, 2, 4, 6, dtype=torch.float64)
    output, last = layer(x)
    assert_close(first(x.transpose(0, 1))[0].transpose(0, 1), output)
    alone, state = layer(x[:, 0])
    assert_close(alone, output[:, 0], **EXACT)
    assert_close(state, last[:, 0], **EXACT)
    clips = [x[:, 0], x[:2, 1]]
    ragged, _ = layer(elman.Ragged.from_list(clips))
    assert_close(ragged[1], output[:2, 1], **EXACT)
    packed, _ = layer(torch.nn.utils.rnn.pack_sequence(clips))
    assert_close(torch.nn.utils.rnn.unpack_sequence(packed)[1], output[:2, 1], **EXACT)
    turned = torch.randn(6, 4, 2, 2, 5, dtype=torch.float64).permute(4, 3, 2, 1, 0)
    assert_close(layer(turned)[0], layer(turned.contiguous())[0], **EXACT)


@pytest.mark.parametrize("options", [{}, {"layer_norm": True}])
@pytest.mark.parametrize("shape", [(0, 2, 2, 4, 4), (3, 0, 2, 4, 4)])
def test_empty_input(shape: tuple[int, ...], options: Any) -> None:
    layer = make("lstm", 2, 3, num_layers=2, **options)
    x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    output, (h, c) = layer(x)
    assert output.shape == (*shape[:2], 3, *shape[3:])
    assert h.shape == c.shape == (2, shape[1], 3, *shape[3:])
    if shape[0]:  # else no result depends on anything
        output.sum().backward()


def test_returned_states_gather_and_scatter() -> None:
    from elman.nn.state import gather, reorder, scatter

    layer = make("lstm", 2, 3)
    x = torch.randn(3, 2, 2, 4, 4, dtype=torch.float64)
    _, state = layer(x)
    again = gather(scatter(state))
    assert all(torch.equal(a, b) for a, b in zip(again, state, strict=True))
    assert torch.equal(reorder(state, torch.tensor([1]))[0], state[0][:, 1:])


def test_a_backward_pass_may_be_repeated_and_outputs_may_not_be_overwritten() -> None:
    layer = make("lstm", 2, 3, backend="compiled")
    x = torch.randn(3, 1, 2, 4, 4, dtype=torch.float64)
    output, _ = layer(x)
    value = output.square().sum()
    first = torch.autograd.grad(value, layer.weight_hh_l0, retain_graph=True)[0]
    assert_close(torch.autograd.grad(value, layer.weight_hh_l0)[0], first)
    output, _ = layer(x)
    value = output.square().sum()
    output.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_groups_never_mix_gates() -> None:
    layer = make("gru", 2, 4, group_norm=2)
    x = torch.randn(3, 2, 2, 4, 4, dtype=torch.float64)
    product = F.conv2d(x[0], layer.weight_ih_l0, padding=1).view(2, 3, 2, -1)
    normal = (product - product.mean(-1, keepdim=True)) / torch.sqrt(
        product.var(-1, correction=0, keepdim=True) + 1e-5
    )
    expected = normal.view(2, 12, 4, 4) * layer.norm_ih_l0.view(-1, 1, 1)
    expected = expected + layer.bias_ih_l0.view(-1, 1, 1)
    w = layer._weights(0)
    actual = layer._products(0).ih(x[0], w.ih, w.bias_ih, w.norm_ih)
    assert_close(actual, expected, **EXACT)


def test_float32_is_near_float64() -> None:
    exact = make("lstm", 8, 8, backend="reference")
    quick = elman.conv_layer("lstm", 8, 8, backend="compiled")
    quick.load_state_dict(exact.state_dict())
    x = torch.randn(4, 3, 8, 17, 15, dtype=torch.float64)
    found = []
    for layer, own in ((exact, x), (quick, x.float())):
        own = own.clone().requires_grad_()
        output, _ = layer(own)
        gradients = torch.autograd.grad(output.square().sum(), [own, *layer.parameters()])
        found.append([output.detach(), *gradients])
    for ours, theirs in zip(found[1], found[0], strict=True):
        scale = float(theirs.abs().max())
        assert_close(ours.double(), theirs, rtol=0, atol=3e-5 * scale)


def test_bfloat16_runs_on_the_reference() -> None:
    layer = elman.conv_layer("gru", 2, 3, dtype=torch.bfloat16)
    output, _ = layer(torch.randn(2, 1, 2, 4, 4, dtype=torch.bfloat16))
    assert output.dtype == torch.bfloat16
    assert layer.backend_used == "reference"


def test_settings_are_shown() -> None:
    layer = elman.conv_layer("lstm", 2, 3, 5, num_layers=2, stride=(1, 2), zoneout={"c": 0.5})
    assert layer.extra_repr() == (
        "LSTM, 2, 3, kernel_size=5, num_layers=2, stride=(1, 2), zoneout={'h': 0.0, 'c': 0.5}"
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_recorded_and_compiled_by_torch() -> None:
    layer = elman.conv_layer("gru", 2, 3, num_layers=2, backend="auto").eval()
    x = torch.randn(3, 2, 2, 5, 4)
    with torch.no_grad():
        expected = layer(x)[0]
        exported = torch.export.export(layer, (x,)).module()
        assert_close(exported(x)[0], expected)
        assert_close(torch.compile(layer, backend="eager", fullgraph=True)(x)[0], expected)
        with pytest.warns(UserWarning, match="sequences of 3 steps and no others"):
            traced = torch.jit.trace(layer, (x,), check_trace=False)
        assert_close(traced(x)[0], expected)
    weights = dict(layer.named_parameters())

    def value(weights: Any) -> Tensor:
        return torch.func.functional_call(layer, weights, (x,))[0].sum()

    found = torch.func.grad(value)(weights)
    for gradient, own in zip(
        found.values(), torch.autograd.grad(layer(x)[0].sum(), list(weights.values())), strict=True
    ):
        assert_close(gradient, own, rtol=1e-4, atol=1e-5)


def test_two_threads_compute_what_one_does() -> None:
    layer = make("peephole_lstm", 3, 8, bidirectional=True, backend="compiled")
    x = torch.randn(4, 3, 3, 9, 10, dtype=torch.float64)
    before, results = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            output, _ = layer(x, lengths=torch.tensor([4, 1, 3]))
            gradients = torch.autograd.grad(output.square().sum(), list(layer.parameters()))
            results.append([output.detach(), *gradients])
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert_close(one, two, **EXACT)


def test_weights_of_the_moment() -> None:
    layer = elman.conv_layer("lstm", 2, 3, backend="compiled")
    x = torch.randn(2, 1, 2, 4, 4)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    expected, _ = layer(x)
    assert layer.backend_used == "compiled"
    layer.weight_hh_l0 = layer.weight_hh_l0.detach() * 2
    assert not torch.equal(layer(x)[0], expected)
    assert_close(layer(x)[0][0], expected[0])
