"""Chunks of a sequence run at the same time, against the same sequence run as a whole."""

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import flat
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing import assert_close

import elman
from elman.math import minimum, relu
from elman.nn import parallel_time

CELLS = ("gru", "lstm", "rnn", "peephole_lstm", "indrnn", "mingru", "sru", "qrnn", "slstm")


def forgetful(cell: Any, *sizes: int, **options: Any) -> Any:
    """A layer whose states come together within some twenty steps."""
    layer = elman.layer(cell, *sizes, dtype=torch.float64, **options)
    with torch.no_grad():
        for name, value in layer.named_parameters():
            if name.startswith(("weight_hh", "u_")):
                value.mul_(0.3)
            if name.startswith("bias_ih"):
                for gate, of_gate in zip(
                    layer.cell.gates, value.chunk(len(layer.cell.gates)), strict=True
                ):
                    of_gate += {"z": 2, layer.cell.forget: -2}.get(gate, 0)
            if name.startswith("initial"):
                value.normal_()
    return layer


def compare(layer: Any, x: Any, state: Any = None, *, count: int, **options: Any) -> None:
    """Results and gradients of `count` chunks are those of a reference in float64, and with
    gradients and without."""
    whole = copy.deepcopy(layer)
    whole.backend = "reference"
    wanted = [x, *(() if state is None else state), *layer.parameters()]
    theirs = [x, *(() if state is None else state), *whole.parameters()]
    own = state[0] if state is not None and len(state) == 1 else state
    ours = flat(layer(x, own, chunks=count, tolerance=1e-9, **options))
    assert layer.shooting_report.reason is None
    assert layer.shooting_report.chunks == count
    assert layer.shooting_report.gap <= 1e-9
    expected = flat(whole(x, own, **options))
    for ours_, expected_ in zip(ours, expected, strict=True):
        assert_close(ours_, expected_, rtol=1e-7, atol=2e-8)
    losses = [
        sum((v * torch.arange(v.numel()).view_as(v).cos()).sum() for v in values)
        for values in (ours, expected)
    ]
    for mine, its in zip(
        torch.autograd.grad(losses[0], wanted, allow_unused=True),
        torch.autograd.grad(losses[1], theirs, allow_unused=True),
        strict=True,
    ):
        if its is None or mine is None:
            assert mine is None or not mine.any()
            continue
        assert_close(mine, its, rtol=1e-6, atol=1e-6 * max(1.0, float(its.abs().max())))
    with torch.no_grad():
        again = flat(layer(x, own, chunks=count, tolerance=1e-9, **options))
    for mine, its in zip(again, expected, strict=True):
        assert_close(mine, its, rtol=1e-7, atol=2e-8)


def states_of(layer: Any, batch: int) -> tuple[Tensor, ...]:
    shapes = layer._state_shapes(batch)
    return tuple(torch.rand(s, dtype=torch.float64, requires_grad=True) for s in shapes)


@settings(max_examples=12)
@given(
    cell=st.sampled_from(CELLS),
    steps=st.integers(240, 300),
    batch=st.integers(1, 3),
    count=st.integers(2, 3),
    layers=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_any_shape(cell: str, steps: int, batch: int, count: int, layers: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = forgetful(cell, 3, 4, num_layers=layers)
    x = torch.randn(steps, batch, 3, dtype=torch.float64, requires_grad=True)
    state = states_of(layer, batch) if cell != "slstm" else None
    compare(layer, x, state, count=count)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_first": True},
        {"layer_norm": True},
        {"learn_initial_state": True},
        {"residual": True, "num_layers": 2},
        {"bias": False},
        {"num_layers": 3, "learn_initial_state": True, "batch_first": True},
    ],
    ids=str,
)
def test_options(cell: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = forgetful(cell, 4, 4, **options)
    shape = (2, 301) if options.get("batch_first") else (301, 2)
    x = torch.randn(*shape, 4, dtype=torch.float64, requires_grad=True)
    compare(layer, x, None if layer.learn_initial_state else states_of(layer, 2), count=2)


@pytest.mark.parametrize(
    ("units", "options", "lengths"),
    [
        (4, {}, None),
        (4, {"num_layers": 2, "batch_first": True}, [303, 190]),
        (4, {"num_layers": 2, "layer_norm": True, "learn_initial_state": True}, None),
        (2, {"num_layers": 3, "residual": True, "bias": False}, [20, 304]),
    ],
    ids=["plain", "batch_first", "layer_norm", "residual"],
)
def test_both_directions(units: int, options: dict[str, Any], lengths: list[int] | None) -> None:
    torch.manual_seed(0)
    layer = forgetful("gru", 4, units, bidirectional=True, **options)
    shape = (2, 304) if options.get("batch_first") else (304, 2)
    x = torch.randn(*shape, 4, dtype=torch.float64, requires_grad=True)
    more = {} if lengths is None else {"lengths": torch.tensor(lengths)}
    state = None if layer.learn_initial_state else states_of(layer, 2)
    compare(layer, x, state, count=2, **more)


@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_both_directions_with_resets_and_every_state(cell: str) -> None:
    torch.manual_seed(0)
    layer = forgetful(cell, 3, 4, num_layers=2, bidirectional=True)
    x = torch.randn(305, 2, 3, dtype=torch.float64, requires_grad=True)
    resets = torch.rand(305, 2) < 0.02
    resets[101] = True
    given = {"resets": resets, "lengths": torch.tensor([305, 177]), "return_states": True}
    compare(layer, x, states_of(layer, 2), count=3, **given)


def test_both_directions_of_projected_lstms_and_of_ragged_sequences() -> None:
    torch.manual_seed(0)
    layer = forgetful("lstm", 4, 5, proj_size=3, bidirectional=True)
    x = torch.randn(304, 2, 4, dtype=torch.float64, requires_grad=True)
    compare(layer, x, states_of(layer, 2), count=3)
    ragged = elman.Ragged.from_padded(x.detach(), torch.tensor([304, 170]))
    assert_close(layer(ragged, chunks=3)[0].pad()[0], layer(ragged)[0].pad()[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("threads", "chunked"), [(1, 3), (2, 2)])
def test_a_direction_that_does_not_forget_is_run_as_a_whole(
    threads: int, chunked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other direction of its layer, too, where two threads run both at the same time."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    shots: list[int] = []
    shot = parallel_time.Runner.shot

    def counted(*args: Any) -> Any:
        found = shot(*args)
        shots.append(found[0] is not None)
        return found

    monkeypatch.setattr(parallel_time.Runner, "shot", counted)
    torch.manual_seed(0)
    layer = elman.layer("gru", 16, 64, num_layers=2, bidirectional=True)
    x = torch.randn(1024, 1, 16)
    state = 0.1 * torch.randn(4, 1, 64)
    with torch.no_grad():
        layer.weight_hh_l1_reverse.mul_(5)
        output, last = layer(x, state, chunks=4)
        report = layer.shooting_report
        expected, expected_last = layer(x, state)
    assert (report.chunks, report.fell_back, sum(shots)) == (4, True, chunked)
    assert "converge" in str(report.reason)
    assert_close(output[..., :64], expected[..., :64], rtol=0, atol=1e-5)
    assert_close(last[:3], expected_last[:3], rtol=0, atol=1e-5)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(5)
        output, _ = layer(x, chunks=4)
        assert torch.equal(output, layer(x)[0])
    assert layer.shooting_report.chunks == 1


def test_projection() -> None:
    torch.manual_seed(0)
    layer = forgetful("lstm", 4, 5, proj_size=3)
    x = torch.randn(304, 2, 4, dtype=torch.float64, requires_grad=True)
    compare(layer, x, states_of(layer, 2), count=3)


@pytest.mark.parametrize("cell", ["gru", "lstm", "mingru"])
@pytest.mark.parametrize("lengths", [[303, 190, 20, 0], [202, 100, 101, 303], [1, 2, 102, 99]])
def test_lengths(cell: str, lengths: list[int]) -> None:
    torch.manual_seed(0)
    layer = forgetful(cell, 3, 4)
    x = torch.randn(304, 4, 3, dtype=torch.float64, requires_grad=True)
    compare(layer, x, states_of(layer, 4), count=3, lengths=torch.tensor(lengths))


def test_packed_sequences_and_ragged_ones() -> None:
    torch.manual_seed(0)
    layer = forgetful("gru", 3, 4)
    x, lengths = torch.randn(300, 2, 3, dtype=torch.float64), torch.tensor([170, 300])
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    ragged = elman.Ragged.from_padded(x, lengths)
    expected, last = layer(x, lengths=lengths)
    for form in (packed, ragged):
        output, own = layer(form, chunks=3)
        assert layer.shooting_report.chunks == 3
        assert type(output) is type(form)
        assert_close(own, last, rtol=0, atol=1e-6)
    assert_close(output.pad()[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("learnt", [False, True])
def test_resets(learnt: bool) -> None:
    torch.manual_seed(0)
    layer = forgetful("lstm", 3, 4, learn_initial_state=learnt)
    x = torch.randn(305, 2, 3, dtype=torch.float64, requires_grad=True)
    resets = torch.rand(305, 2) < 0.02
    resets[101] = True
    compare(layer, x, states_of(layer, 2), count=3, resets=resets)
    lengths = torch.tensor([305, 177])
    compare(layer, x, states_of(layer, 2), count=3, resets=resets, lengths=lengths)


def test_resets_with_the_batch_first() -> None:
    torch.manual_seed(0)
    layer = forgetful("gru", 3, 4, batch_first=True)
    x = torch.randn(2, 305, 3, dtype=torch.float64, requires_grad=True)
    options = {"resets": torch.rand(2, 305) < 0.02, "lengths": torch.tensor([177, 304])}
    compare(layer, x, states_of(layer, 2), count=3, return_states=True, **options)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_every_state(cell: str) -> None:
    torch.manual_seed(0)
    layer = forgetful(cell, 3, 4, num_layers=2)
    x = torch.randn(303, 2, 3, dtype=torch.float64, requires_grad=True)
    compare(layer, x, states_of(layer, 2), count=3, return_states=True)


def test_input_without_a_batch() -> None:
    torch.manual_seed(0)
    layer = forgetful("lstm", 3, 4)
    x = torch.randn(300, 3, dtype=torch.float64)
    output, (h, c) = layer(x, chunks=3)
    assert output.shape == (300, 4)
    assert h.shape == c.shape == (1, 4)
    assert_close(output, layer(x)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("cell", "gain"), [("gru", 5.0), ("rnn", 3.0)])
@pytest.mark.parametrize("training", [False, True])
def test_chaos_is_run_as_a_whole(cell: str, gain: float, training: bool) -> None:
    torch.manual_seed(0)
    layer = elman.layer(cell, 16, 64)
    x = torch.randn(1024, 1, 16)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(gain)
    with torch.set_grad_enabled(training):
        output, state = layer(x, chunks=4)
        report = layer.shooting_report
        expected, last = layer(x)
    assert report.fell_back
    assert report.chunks == 1
    assert "converge" in str(report.reason)
    assert report.extra_work < 0.05
    assert torch.equal(output, expected)
    assert torch.equal(state, last)
    assert output.requires_grad == training


def test_a_memory_longer_than_the_chunks_is_kept() -> None:
    class Sum(elman.Cell):
        gates = ("h",)
        recurrent = ()

        def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
            return {"h": s.h + x.h}

    layer, x = elman.layer(Sum, 2, 3), torch.randn(2000, 1, 2)
    output, _ = layer(x, chunks=4)
    assert layer.shooting_report.fell_back
    assert torch.equal(output, layer(x)[0])


class Latch(elman.Cell):
    """Forgets within a few steps but for inputs above 8, which open it for good."""

    gates = ("h",)
    recurrent = ()
    state = ("h", "latch")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        opened = relu(x.h - 8) + s.latch
        latch = minimum(opened, 1)
        return {"h": 0.5 * s.h + x.h + latch, "latch": latch}


def latched(at: int) -> tuple[Any, Tensor]:
    layer = elman.layer(Latch, 1, 1, bias=False, dtype=torch.float64)
    x = torch.rand(400, 1, 1, dtype=torch.float64)
    x[at] = 20
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1)
    return layer, x


@pytest.mark.parametrize("training", [False, True])
def test_what_the_probe_does_not_see_is_seen_at_the_borders(training: bool) -> None:
    layer, x = latched(at=30)
    expected, last = layer(x)
    with torch.set_grad_enabled(training):
        output, state = layer(x, chunks=4)
    report = layer.shooting_report
    assert report.fell_back
    assert "differ" in str(report.reason)
    assert torch.equal(output, expected)
    assert torch.equal(state[1], last[1])


@pytest.mark.parametrize("training", [False, True])
def test_chunks_that_were_begun_badly_are_run_again(
    training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr("elman.nn.shooting._MARGIN", 0.35)
    layer = forgetful("gru", 3, 4)
    x = torch.randn(400, 2, 3, dtype=torch.float64, requires_grad=training)
    expected, _ = layer(x)
    output, _ = layer(x, chunks=4, tolerance=1e-9)
    assert layer.shooting_report.passes > 1
    assert_close(output, expected, rtol=0, atol=1e-8)
    if training:
        flow = torch.randn_like(output)
        mine = torch.autograd.grad(output, [x, *layer.parameters()], flow)
        its = torch.autograd.grad(expected, [x, *layer.parameters()], flow)
        assert_close(mine, its, rtol=1e-6, atol=1e-6)


def test_gradients_that_flow_past_the_heads_are_run_on() -> None:
    """A path of the gradient that the warm-up's few steps miss, as of `Latch`'s open state."""
    torch.manual_seed(0)
    layer = forgetful("lstm", 3, 4)
    x = torch.randn(400, 1, 3, dtype=torch.float64, requires_grad=True)
    output, _ = layer(x, chunks=4, tolerance=1e-9)
    link = output.grad_fn
    while not hasattr(link, "link"):
        link = link.next_functions[0][0]
    link.link.found = link.link.found._replace(warm_up=1)
    flow = torch.randn_like(output)
    mine = torch.autograd.grad(output, [x, *layer.parameters()], flow)
    its = torch.autograd.grad(layer(x)[0], [x, *layer.parameters()], flow)
    assert_close(mine, its, rtol=1e-6, atol=1e-6)


def test_gradient_of_the_last_step_alone() -> None:
    torch.manual_seed(0)
    layer = forgetful("gru", 3, 4)
    x = torch.randn(300, 2, 3, dtype=torch.float64, requires_grad=True)
    wanted = [x, *layer.parameters()]
    mine = torch.autograd.grad(layer(x, chunks=3)[1].sum(), wanted)
    its = torch.autograd.grad(layer(x)[1].sum(), wanted)
    assert_close(mine, its, rtol=1e-5, atol=1e-6)


def test_gradients_a_second_time_and_of_gradients() -> None:
    torch.manual_seed(0)
    layer = forgetful("gru", 2, 3)
    x = torch.randn(200, 1, 2, dtype=torch.float64, requires_grad=True)
    wanted = [x, *layer.parameters()]
    output, _ = layer(x, chunks=2, tolerance=1e-9)
    assert layer.shooting_report.chunks == 2
    first = torch.autograd.grad(output.sum(), wanted, retain_graph=True)
    again = torch.autograd.grad(output.sum(), wanted, retain_graph=True)
    assert_close(first, again)
    found = []
    for values in (output, layer(x)[0]):
        (d_x,) = torch.autograd.grad(values.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(d_x.square().sum(), wanted))
    assert_close(found[0], found[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(mode: Any) -> None:
    torch.manual_seed(0)
    layer = forgetful("lstm", 3, 4)
    x = torch.randn(302, 1, 3, dtype=torch.float64)
    with mode():
        output, _ = layer(x, chunks=3)
    assert layer.shooting_report.chunks == 3
    assert not output.requires_grad
    assert_close(output, layer(x)[0].detach(), rtol=0, atol=1e-6)


def test_only_what_is_asked_has_gradients() -> None:
    layer = forgetful("gru", 3, 4).requires_grad_(False)
    layer.weight_hh_l0.requires_grad_(True)
    x = torch.randn(300, 1, 3, dtype=torch.float64)
    layer(x, chunks=3)[0].sum().backward()
    mine, layer.weight_hh_l0.grad = layer.weight_hh_l0.grad, None
    assert layer.shooting_report.chunks == 3
    layer(x)[0].sum().backward()
    assert_close(mine, layer.weight_hh_l0.grad, rtol=1e-5, atol=1e-5)
    assert layer.weight_ih_l0.grad is None


def test_the_output_may_be_changed_in_place() -> None:
    torch.manual_seed(0)
    layer = forgetful("gru", 3, 4)
    x = torch.randn(300, 1, 3, dtype=torch.float64, requires_grad=True)
    output, _ = layer(x, chunks=3)
    output.mul_(2)
    (mine,) = torch.autograd.grad(output.sum(), x)
    (its,) = torch.autograd.grad(2 * layer(x)[0].sum(), x)
    assert_close(mine, its, rtol=1e-5, atol=1e-6)


def test_nan_stays_where_it_is() -> None:
    layer = forgetful("gru", 3, 4)
    x = torch.randn(300, 1, 3, dtype=torch.float64)
    x[250] = math.nan
    output, _ = layer(x, chunks=3)
    assert torch.equal(output.isnan(), layer(x)[0].isnan())


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"num_layers": 2, "dropout": 0.2}, "dropout"),
    ({"recurrent_dropout": 0.2}, "recurrent_dropout"),
    ({"weight_dropout": 0.2}, "weight_dropout"),
    ({"zoneout": 0.1}, "zoneout"),
]


@pytest.mark.parametrize(("options", "reason"), REFUSED, ids=[r for _, r in REFUSED])
def test_layers_that_are_run_as_a_whole(options: dict[str, Any], reason: str) -> None:
    layer, x = elman.layer("gru", 3, 4, **options), torch.randn(300, 1, 3)
    torch.manual_seed(1)
    output, _ = layer(x, chunks=3)
    assert layer.shooting_report.fell_back
    assert reason in str(layer.shooting_report.reason)
    torch.manual_seed(1)
    assert torch.equal(output, layer(x)[0])
    layer.eval()(x, chunks=3)
    assert reason not in str(layer.shooting_report.reason)


@pytest.mark.parametrize(("steps", "count"), [(1, 4), (7, 4), (0, 2), (8, 4), (9, 4), (3, 1)])
def test_short_sequences(steps: int, count: int) -> None:
    layer, x = forgetful("gru", 3, 4), torch.randn(steps, 2, 3, dtype=torch.float64)
    output, state = layer(x, chunks=count)
    assert_close(output, layer(x)[0], rtol=0, atol=1e-6)
    assert_close(state, layer(x)[1], rtol=0, atol=1e-6)


def test_an_empty_batch() -> None:
    layer, x = forgetful("gru", 3, 4), torch.randn(300, 0, 3, dtype=torch.float64)
    assert layer(x, chunks=3)[0].shape == (300, 0, 4)
    assert layer.shooting_report.fell_back


def test_weights_that_are_no_parameters() -> None:
    layer, x = forgetful("gru", 3, 4), torch.randn(300, 1, 3, dtype=torch.float64)
    own = {name: value.detach().clone() for name, value in layer.named_parameters()}
    output, _ = torch.func.functional_call(layer, own, (x,), {"chunks": 3})
    assert "parameter" in str(layer.shooting_report.reason)
    assert torch.equal(output, layer(x)[0])


def test_short_numbers() -> None:
    layer = elman.layer("gru", 3, 4, dtype=torch.bfloat16)
    layer(torch.randn(300, 1, 3, dtype=torch.bfloat16), chunks=3)
    assert layer.shooting_report.fell_back


def test_torch_compile_runs_the_whole() -> None:
    layer, x = forgetful("gru", 3, 4), torch.randn(300, 1, 3, dtype=torch.float64)
    layer.chunks = 3
    compiled = torch.compile(layer, backend="eager")
    assert_close(compiled(x)[0], layer(x)[0], rtol=0, atol=1e-6)


def test_settings_of_the_layer() -> None:
    layer = elman.layer("gru", 3, 4, chunks=3, tolerance=1e-5, dtype=torch.float64)
    assert "chunks=3, tolerance=1e-05" in repr(layer)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(0.3)
    x = torch.randn(400, 1, 3, dtype=torch.float64)
    layer(x)
    assert layer.shooting_report.chunks == 3
    assert 0 < layer.shooting_report.extra_work < 0.8
    layer(x, chunks=1)
    layer.chunks = "auto"
    layer(x)
    assert layer.shooting_report == elman.nn.shooting.ShootingReport()
    assert repr(elman.layer("gru", 3, 4)) == "Recurrent(GRU, 3, 4)"


def test_a_layer_saved_without_the_settings() -> None:
    layer = elman.layer("gru", 3, 4)
    del layer._chunks, layer._tolerance
    assert (layer.chunks, layer.tolerance) == (1, 1e-6)
    layer(torch.randn(5, 1, 3))


def test_auto_takes_what_pays() -> None:
    def chosen(cell: str, steps: int, batch: int, hidden: int, **options: Any) -> int:
        layer = elman.layer(cell, 2, hidden, device="meta", **options)
        x = torch.empty(1, 1, 1).expand(steps, batch, 2)
        return parallel_time.worthwhile(layer, x)

    assert chosen("gru", 8192, 1, 256) > 1
    assert chosen("lstm", 8192, 1, 512, num_layers=2) > 1
    assert chosen("gru", 200, 1, 256) == 1
    assert chosen("gru", 8192, 16, 256) == 1
    assert chosen("gru", 8192, 2, 256) > 1
    assert chosen("gru", 8192, 2, 128) == 1
    assert chosen("gru", 8192, 1, 16) == 1
    assert chosen("mingru", 8192, 1, 256) == 1
    assert chosen("gru", 8192, 1, 256, bidirectional=True) == 1


@pytest.mark.parametrize("value", [0, -1, 2.0, "many", None])
def test_bad_chunks(value: Any) -> None:
    with pytest.raises(elman.ElmanError, match="chunks must be"):
        elman.layer("gru", 3, 4, chunks=value)
    if value is not None:  # which takes the layer's own
        with pytest.raises(elman.ElmanError, match="chunks must be"):
            elman.layer("gru", 3, 4)(torch.randn(5, 1, 3), chunks=value)


@pytest.mark.parametrize("value", [0, 1, -1e-6, math.nan, "1e-6", True])
def test_bad_tolerance(value: Any) -> None:
    with pytest.raises(elman.ElmanError, match="tolerance must be"):
        elman.layer("gru", 3, 4, tolerance=value)
    with pytest.raises(elman.ElmanError, match="tolerance must be"):
        elman.layer("gru", 3, 4)(torch.randn(50, 1, 3), chunks=2, tolerance=value)
