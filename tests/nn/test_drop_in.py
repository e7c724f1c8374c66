"""What programs written for torch.nn's layers do with them besides calling them."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

import elman

KINDS = ("RNN", "LSTM", "GRU")


@pytest.mark.parametrize("kind", KINDS)
def test_methods_and_attributes(kind: str) -> None:
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": True}
    ours, theirs = getattr(elman, kind)(3, 4, **options), getattr(nn, kind)(3, 4, **options)
    assert ours.flatten_parameters() is None
    assert ours.mode == theirs.mode
    assert [[w.shape for w in part] for part in ours.all_weights] == [
        [w.shape for w in part] for part in theirs.all_weights
    ]
    names = dict(ours.named_parameters())
    assert ours.all_weights[1][0] is names["weight_ih_l0_reverse"]


def test_modes_of_the_simple_network() -> None:
    assert [elman.RNN(2, 2, nonlinearity=n).mode for n in ("tanh", "relu")] == [
        nn.RNN(2, 2, nonlinearity=n).mode for n in ("tanh", "relu")
    ]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "LSTM, 3, 4"),
        ({"num_layers": 2, "dropout": 0.5}, "LSTM, 3, 4, num_layers=2, dropout=0.5"),
        ({"bias": False, "batch_first": True}, "LSTM, 3, 4, bias=False, batch_first=True"),
        ({"zoneout": {"c": 0.5}}, "LSTM, 3, 4, zoneout={'h': 0.0, 'c': 0.5}"),
        ({"zoneout": 0.0, "layer_norm": True}, "LSTM, 3, 4, layer_norm=True"),
        ({"backend": "reference", "init": "identity"},
         "LSTM, 3, 4, backend='reference', init='identity'"),
        ({"forget_bias": 1.0, "weight_dropout": 0.2},
         "LSTM, 3, 4, weight_dropout=0.2, forget_bias=1.0"),
    ],
)  # fmt: skip
def test_repr_has_what_differs_from_the_defaults(options: dict[str, Any], shown: str) -> None:
    assert elman.LSTM(3, 4, **options).extra_repr() == shown


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_traces_compute_other_shapes_too(kind: str, batch_first: bool) -> None:
    layer = getattr(elman, kind)(5, 6, batch_first=batch_first, num_layers=2, bidirectional=True)
    layer.eval()
    traced = torch.jit.trace(layer, (torch.randn(7, 4, 5),), check_trace=False)
    for shape in ((7, 4, 5), (3, 2, 5), (12, 1, 5)):
        x = torch.randn(shape)
        for a, b in zip(flat(traced(x)), flat(layer(x)), strict=True):
            assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_trace_step_by_step_is_announced() -> None:
    layer = elman.layer("mgu", 5, 6).eval()
    with pytest.warns(UserWarning, match="sequences of 7 steps and no others"):
        traced = torch.jit.trace(layer, (torch.randn(7, 4, 5),), check_trace=False)
    x = torch.randn(7, 2, 5)
    assert_close(traced(x)[0], layer(x)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 0, 3, 7])])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "mgu", "indrnn"])
def test_fake_tensors_have_the_shapes(cell: str, lengths: Tensor | None) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        layer = elman.layer(cell, 5, 6, num_layers=2, layer_norm=cell == "gru")
        output, _ = layer(torch.randn(7, 4, 5), lengths=lengths)
        single, _ = layer.step(torch.randn(4, 5))
    assert output.shape == (7, 4, 6)
    assert single.shape == (4, 6)


@pytest.mark.parametrize("cell", ["lstm", "mgu"])
def test_make_fx_records_the_layer(cell: str) -> None:
    layer = elman.layer(cell, 5, 6)
    graph = make_fx(lambda x: layer(x)[0])(torch.randn(7, 4, 5))
    x = torch.randn(7, 4, 5)
    assert_close(graph(x), layer(x)[0], rtol=1e-4, atol=1e-5)


def test_operations_are_counted() -> None:
    with FlopCounterMode(display=False) as counter:
        elman.layer("mgu", 5, 6)(torch.randn(7, 4, 5))
    assert counter.get_total_flops() == 2 * 7 * 4 * 2 * (5 * 6 + 6 * 6)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # of torch.compile itself
@pytest.mark.parametrize("training", [True, False])
def test_compiled_graphs_of_several_rates(training: bool) -> None:
    torch._dynamo.reset()
    for rate, masks in itertools.product((0.1, 0.2, 0.3), ("recurrent_dropout", "zoneout")):
        layer = elman.LSTM(6, 6, **{masks: rate}).train(training)
        compiled = torch.compile(layer, backend="aot_eager")
        x = torch.randn(7, 4, 6)
        torch.manual_seed(1)
        mine = compiled(x)[0]
        mine.sum().backward()
        if not training:
            assert_close(mine, layer(x)[0])


def flat(result: tuple[Any, Any]) -> list[Tensor]:
    output, state = result
    return [output, *(state if isinstance(state, tuple) else (state,))]
