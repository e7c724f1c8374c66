"""elman's layers against their namesakes in torch.nn."""

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

import elman

KINDS = ("tanh", "relu", "lstm", "gru")
BACKENDS = ("auto", "reference", "torch")  # torch: what auto takes without a compiler
FEATURES, HIDDEN = 3, 5
LENGTHS = torch.tensor([3, 6, 1, 4])  # of four sequences, unsorted


def pair(
    kind: str,
    *sizes: int,
    backend: str = "auto",
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> tuple[nn.Module, nn.Module]:
    """A layer of each library with the same weights; elman's loads torch's."""
    name = {"lstm": "LSTM", "gru": "GRU"}.get(kind, "RNN")
    if name == "RNN":
        options["nonlinearity"] = kind
    given = "auto" if backend == "torch" else backend
    ours = getattr(elman, name)(*sizes, backend=given, dtype=dtype, **options)
    ours._compiles &= backend != "torch"
    theirs = getattr(nn, name)(*sizes, dtype=dtype, **options)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def leaf(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def first_state(layer: nn.Module, batch: int, dtype: torch.dtype = torch.float64) -> Any:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    h = leaf(count, batch, layer.proj_size or layer.hidden_size, dtype=dtype)
    if isinstance(layer, nn.LSTM | elman.LSTM):
        return h, leaf(count, batch, layer.hidden_size, dtype=dtype)
    return h


def torch_with_lengths(layer: nn.Module, x: Tensor, state: Any, lengths: Tensor) -> Any:
    packed = pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False)
    output, last = layer(packed, state)
    time = 1 if layer.batch_first else 0
    return pad_packed_sequence(output, layer.batch_first, total_length=x.shape[time])[0], last


def flat(result: Any) -> list[Tensor]:
    output, state = result
    return [output, *((state,) if isinstance(state, Tensor) else state)]


def gradients(values: list[Tensor], wanted: list[Tensor]) -> tuple[Tensor, ...]:
    """Of a sum with fixed weights over all values, so that every entry counts differently."""
    weighted = (v * torch.arange(v.numel()).view_as(v).cos().to(v.dtype) for v in values)
    return torch.autograd.grad(sum(w.sum() for w in weighted), wanted, retain_graph=True)


def compare(
    ours: nn.Module,
    theirs: nn.Module,
    x: Tensor,
    state: Any,
    lengths: Tensor | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-12,
) -> None:
    got = flat(ours(x, state, lengths=lengths))
    expected = flat(
        theirs(x, state) if lengths is None else torch_with_lengths(theirs, x, state, lengths)
    )
    assert_close(got, expected, rtol=rtol, atol=atol)
    inputs = [x] if state is None else [x, *((state,) if isinstance(state, Tensor) else state)]
    assert list(dict(ours.named_parameters())) == list(dict(theirs.named_parameters()))
    assert_close(
        gradients(got, [*inputs, *ours.parameters()]),
        gradients(expected, [*inputs, *theirs.parameters()]),
        rtol=rtol,
        atol=atol,
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "proj_size"), [*product(KINDS, [0]), ("lstm", 2)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_outputs_states_and_all_gradients(
    kind: str, num_layers: int, bidirectional: bool, bias: bool, proj_size: int, backend: str
) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"proj_size": proj_size} if proj_size else {}
    for batch_first, lengths, given_state in product([False, True], [None, LENGTHS], [False, True]):
        ours, theirs = pair(
            kind,
            FEATURES,
            HIDDEN,
            num_layers,
            bias=bias,
            batch_first=batch_first,
            bidirectional=bidirectional,
            backend=backend,
            **options,
        )
        x = leaf(4, 6, FEATURES) if batch_first else leaf(6, 4, FEATURES)
        state = first_state(theirs, 4) if given_state else None
        compare(ours, theirs, x, state, lengths)
        used = "compiled" if backend == "auto" else backend
        assert ours.backend_used == ("reference" if proj_size and used == "torch" else used)


@settings(max_examples=60)
@given(st.data())
def test_any_shape(data: st.DataObject) -> None:
    draw = data.draw
    torch.manual_seed(draw(st.integers(0, 1000)))
    T, B, features, H = (draw(st.integers(1, most)) for most in (9, 5, 4, 6))
    kind = draw(st.sampled_from(KINDS))
    lengths = draw(
        st.none() | st.lists(st.integers(1, T), min_size=B, max_size=B).map(torch.tensor)
    )
    ours, theirs = pair(
        kind,
        features,
        H,
        draw(st.integers(1, 3)),
        bidirectional=draw(st.booleans()),
        backend=draw(st.sampled_from(BACKENDS)),
    )
    compare(ours, theirs, leaf(T, B, features), first_state(theirs, B), lengths)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("kind", KINDS)
def test_single_precision(kind: str, lengths: Tensor | None) -> None:
    torch.manual_seed(0)
    dtype = torch.float32
    ours, theirs = pair(kind, FEATURES, HIDDEN, 2, bidirectional=True, dtype=dtype)
    x = leaf(6, 4, FEATURES, dtype=dtype)
    compare(ours, theirs, x, first_state(theirs, 4, dtype), lengths, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_state_dicts_load_both_ways(kind: str, bidirectional: bool, bias: bool) -> None:
    for proj_size in (0, 2) if kind == "lstm" else (0,):
        options: dict[str, Any] = {"proj_size": proj_size} if proj_size else {}
        ours, theirs = pair(
            kind, FEATURES, HIDDEN, 2, bidirectional=bidirectional, bias=bias, **options
        )
        ours.reset_parameters()
        theirs.load_state_dict(ours.state_dict(), strict=True)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_gives_the_same_first_weights(kind: str) -> None:
    for proj_size in (0, 2) if kind == "lstm" else (0,):
        options: dict[str, Any] = {"proj_size": proj_size} if proj_size else {}
        made = []
        for library in (elman, nn):
            torch.manual_seed(7)
            cls = getattr(library, {"lstm": "LSTM", "gru": "GRU"}.get(kind, "RNN"))
            made.append(cls(FEATURES, HIDDEN, 2, bidirectional=True, **options).state_dict())
        assert_close(made[0], made[1], rtol=0, atol=0)


def test_positional_arguments_mean_the_same() -> None:
    for ours, theirs in (
        (elman.RNN(3, 5, 2, "relu", False, True), nn.RNN(3, 5, 2, "relu", False, True)),
        (
            elman.LSTM(3, 5, 2, False, True, 0.1, True, 2),
            nn.LSTM(3, 5, 2, False, True, 0.1, True, 2),
        ),
        (elman.GRU(3, 5, 2, False, True, 0.1, True), nn.GRU(3, 5, 2, False, True, 0.1, True)),
    ):
        for name in ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout"):
            assert getattr(ours, name) == getattr(theirs, name), name
        ours.load_state_dict(theirs.state_dict(), strict=True)
    assert ours.bidirectional
    assert elman.RNN(3, 5, nonlinearity="relu").nonlinearity == "relu"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_packed_sequences(kind: str, backend: str, enforce_sorted: bool) -> None:
    torch.manual_seed(0)
    lengths = LENGTHS.sort(descending=True).values if enforce_sorted else LENGTHS
    ours, theirs = pair(kind, FEATURES, HIDDEN, 2, bidirectional=True, backend=backend)
    x, state = leaf(6, 4, FEATURES), first_state(theirs, 4)
    packed = pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
    got, expected = ours(packed, state), theirs(packed, state)
    assert type(got[0]) is type(expected[0])
    for mine, its in zip(got[0], expected[0], strict=True):
        assert (mine is None) == (its is None)
        if its is not None:
            assert_close(mine, its, rtol=1e-6, atol=1e-12)
    mine, its = flat((got[0].data, got[1])), flat((expected[0].data, expected[1]))
    assert_close(mine, its, rtol=1e-6, atol=1e-12)
    assert_close(
        gradients(mine, [x, *ours.parameters()]),
        gradients(its, [x, *theirs.parameters()]),
        rtol=1e-6,
        atol=1e-12,
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_input_without_a_batch(kind: str, backend: str) -> None:
    torch.manual_seed(0)
    for batch_first in (False, True):
        ours, theirs = pair(
            kind, FEATURES, HIDDEN, 2, bidirectional=True, batch_first=batch_first, backend=backend
        )
        x, state = leaf(6, FEATURES), first_state(theirs, 1)
        state = state[:, 0] if isinstance(state, Tensor) else tuple(s[:, 0] for s in state)
        compare(ours, theirs, x, state)
        compare(ours, theirs, x, None)
        short = ours(x, state, lengths=torch.tensor(4))
        expected = theirs(x[:4], state)
        assert_close(short[0][:4], expected[0], rtol=1e-6, atol=1e-12)
        assert not short[0][4:].any()
        assert_close(short[1], expected[1], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_empty_sequences_keep_their_state_and_disturb_nobody(kind: str, backend: str) -> None:
    torch.manual_seed(0)
    ours, theirs = pair(kind, FEATURES, HIDDEN, 2, bidirectional=True, backend=backend)
    x, state = leaf(6, 5, FEATURES), first_state(theirs, 5)
    lengths, full = torch.tensor([0, 6, 0, 2, 3]), torch.tensor([1, 3, 4])
    got = flat(ours(x, state, lengths=lengths))
    parts = (state,) if isinstance(state, Tensor) else state
    rest = tuple(s[:, full] for s in parts)
    rest_state = rest[0] if isinstance(state, Tensor) else rest
    expected = flat(torch_with_lengths(theirs, x[:, full], rest_state, lengths[full]))
    assert_close([g[:, full] for g in got], expected, rtol=1e-6, atol=1e-12)
    assert not got[0][:, [0, 2]].any()
    for last, first in zip(got[1:], parts, strict=True):
        assert_close(last[:, [0, 2]], first[:, [0, 2]], rtol=0, atol=0)
    mine = gradients([g[:, full] for g in got], [x, *ours.parameters()])
    its = gradients(expected, [x, *theirs.parameters()])
    assert_close(mine, its, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_the_padding_does_not_matter(kind: str, backend: str) -> None:
    torch.manual_seed(0)
    ours, _ = pair(kind, FEATURES, HIDDEN, 2, bidirectional=True, backend=backend)
    clean, state = torch.randn(6, 4, FEATURES, dtype=torch.float64), first_state(ours, 4)
    padding = torch.arange(6).unsqueeze(1) >= LENGTHS
    results = []
    for filling in (0.0, float("nan"), float("inf")):
        x = clean.masked_fill(padding.unsqueeze(-1), filling).requires_grad_()
        values = flat(ours(x, state, lengths=LENGTHS))
        results.append([*values, *gradients(values, [x, *ours.parameters()])])
        assert not results[-1][len(values)][padding].any()
    assert_close(results[1], results[0], rtol=0, atol=0)
    assert_close(results[2], results[0], rtol=0, atol=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_strided_inputs_and_states(kind: str, backend: str) -> None:
    torch.manual_seed(0)
    ours, theirs = pair(kind, FEATURES, HIDDEN, 2, backend=backend)
    x = leaf(4, 2 * FEATURES, 12)[:, ::2, ::2].permute(2, 0, 1)
    assert not x.is_contiguous()
    state = first_state(theirs, 4)
    wide = [s.mT.contiguous().mT for s in ((state,) if isinstance(state, Tensor) else state)]
    strided = wide[0] if isinstance(state, Tensor) else tuple(wide)
    assert not wide[0].is_contiguous()
    assert_close(flat(ours(x, strided)), flat(theirs(x, state)), rtol=1e-6, atol=1e-12)
    compare(ours, theirs, x, state, LENGTHS)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_growing_relu_net_does_not_overflow_over_the_padding(backend: str) -> None:
    net, _ = pair("relu", 1, 2, backend=backend, dtype=torch.float32)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(2.0)
    x = torch.ones(300, 2, 1)
    _, last = net(x, lengths=torch.tensor([2, 3]))
    last.sum().backward()
    assert last[0, :, 0].tolist() == [30.0, 126.0]
    assert all(bool(p.grad.isfinite().all()) for p in net.parameters())
