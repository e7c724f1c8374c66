"""Layer normalisation, residuals, projections, first values and learned initial states."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.errors import SettingsError

D = torch.float64
H = 4
USES_PREVIOUS_H = ("gru", "mgu", "indrnn", "mingru", "minlstm", "lru", "rglru")


def randomised(cell: str, *sizes: int, **options: object) -> elman.nn.Recurrent:
    torch.manual_seed(0)
    layer = elman.layer(cell, *sizes, dtype=D, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, 0.5)
    return layer


@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_by_hand(bias: bool) -> None:
    layer = randomised("lstm", 3, H, layer_norm=True, bias=bias)
    x, h, c = torch.randn(5, 2, 3, dtype=D), torch.randn(2, H, dtype=D), torch.randn(2, H, dtype=D)
    output, last = layer(x, (h[None], c[None]))
    shift = (layer.bias_ih_l0, layer.bias_hh_l0) if bias else (None, None)
    for t in range(5):
        a = F.layer_norm(x[t] @ layer.weight_ih_l0.T, (4 * H,), layer.norm_ih_l0, shift[0])
        a = a + F.layer_norm(h @ layer.weight_hh_l0.T, (4 * H,), layer.norm_hh_l0, shift[1])
        i, f, g, o = a.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        assert_close(output[t], h)
    assert_close(last, (h[None], c[None]))


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_one_step_in_both_directions_with_a_given_state(cell: str) -> None:
    layer = randomised(cell, 3, H, bidirectional=True, num_layers=2)
    oracle = elman.layer(
        cell, 3, H, bidirectional=True, num_layers=2, backend="reference", dtype=torch.float64
    )
    oracle.load_state_dict(layer.state_dict())
    x = torch.randn(1, 4, 3, dtype=torch.float64)
    state = tuple(torch.randn(4, 4, H, dtype=torch.float64) for _ in layer.cell.state)
    given = state if len(state) > 1 else state[0]
    with torch.no_grad():
        assert_close(layer(x, given), oracle(x, given), rtol=1e-10, atol=1e-12)


def test_layer_norm_starts_with_gain_one_and_has_gains_for_what_is_there() -> None:
    layer = elman.layer("indrnn", 3, H, layer_norm=True)
    assert [n for n, _ in layer.named_parameters()] == [
        "weight_ih_l0",
        "bias_ih_l0",
        "norm_ih_l0",
        "u_l0",
    ]
    assert_close(layer.norm_ih_l0, torch.ones(H))
    assert_close(elman.GRU(3, H, layer_norm=True).norm_hh_l0, torch.ones(3 * H))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("input_size", [3, 8])
def test_residual_by_hand(bidirectional: bool, input_size: int) -> None:
    hidden = 4 if bidirectional else 8
    stack = randomised(
        "gru", input_size, hidden, num_layers=3, residual=True, bidirectional=bidirectional
    )
    x, lengths = torch.randn(5, 2, input_size, dtype=D), torch.tensor([5, 3])
    y = x * (torch.arange(5)[:, None, None] < lengths[:, None])
    finals = []
    for index in range(3):
        single = elman.layer("gru", y.shape[-1], hidden, bidirectional=bidirectional, dtype=D)
        single.load_state_dict(
            {
                n.replace(f"_l{index}", "_l0"): v
                for n, v in stack.state_dict().items()
                if f"_l{index}" in n
            }
        )
        output, final = single(y, lengths=lengths)
        y = output + y if output.shape == y.shape else output
        finals.append(final)
    output, last = stack(x, lengths=lengths)
    assert_close(output, y)
    assert_close(last, torch.cat(finals))
    assert not output[3:, 1].any()


@pytest.mark.parametrize("cell", [name for name in BUILTIN if name not in USES_PREVIOUS_H])
def test_projection_by_hand(cell: str) -> None:
    P = 2
    layer = randomised(cell, 3, H, proj_size=P)
    assert layer.weight_hr_l0.shape == (P, H)
    plain = elman.layer(cell, 3, H, dtype=D)
    weights = {k: v for k, v in layer.state_dict().items() if k != "weight_hr_l0"}
    # R h for the projected h is (R of the plain layer) h_full where R_plain = R @ projection
    if layer.cell.recurrent:
        assert layer.weight_hh_l0.shape == (len(layer.cell.recurrent) * H, P)
        weights["weight_hh_l0"] = weights["weight_hh_l0"] @ layer.weight_hr_l0.detach()
    plain.load_state_dict(weights)
    x = torch.randn(5, 2, 3, dtype=D)
    output, last = layer(x)
    full, end = plain(x)
    assert_close(output, full @ layer.weight_hr_l0.T)
    h = last if isinstance(last, Tensor) else last[0]
    assert h.shape == (1, 2, P)
    assert_close(h[0], output[-1])
    if not isinstance(last, Tensor):
        assert_close(last[1], end[1])
    both = elman.layer(cell, 3, H, num_layers=2, bidirectional=True, proj_size=P)
    assert both(torch.randn(5, 2, 3))[0].shape == (5, 2, 2 * P)
    assert both.output_size == 2 * P


@pytest.mark.parametrize("cell", USES_PREVIOUS_H)
def test_projection_is_refused_where_h_is_used_elementwise(cell: str) -> None:
    with pytest.raises(ValueError, match=r"proj_size cannot be used with \w+: its equations use"):
        elman.layer(cell, 3, H, proj_size=2)


@pytest.mark.parametrize("init", ["uniform", "orthogonal", "identity"])
@pytest.mark.parametrize("cell", [name for name, c in BUILTIN.items() if c.forget])
def test_forget_bias(cell: str, init: str) -> None:
    layer = elman.layer(cell, 3, H, num_layers=2, bidirectional=True, forget_bias=1.5, init=init)
    kind = layer.cell
    for name, value in layer.named_parameters():
        if not name.startswith("bias_"):
            continue
        gates = kind.gates if name.startswith("bias_ih") else kind.recurrent
        for gate, block in zip(gates, value.split(H), strict=True):
            if gate == kind.forget:
                first = 1.5 if name.startswith("bias_ih") else 0.0
                assert_close(block, torch.full((H,), first))
            else:
                assert bool((block != 1.5).all())
                assert bool((block != 0).all()) == (init == "uniform")


@pytest.mark.parametrize("cell", [name for name, c in BUILTIN.items() if not c.forget])
def test_forget_bias_needs_a_forget_gate(cell: str) -> None:
    with pytest.raises(SettingsError, match=r"forget_bias=1.0 was asked of .* no forget gate"):
        elman.layer(cell, 3, H, forget_bias=1.0, bias=False)


def test_forget_bias_needs_biases() -> None:
    with pytest.raises(SettingsError, match=r"forget_bias=1.0 was asked of LSTM, .* no biases"):
        elman.LSTM(3, H, bias=False, forget_bias=1.0)


def test_orthogonal_init() -> None:
    layer = elman.LSTM(3, H, 2, init="orthogonal", dtype=D)
    for name in ("weight_hh_l0", "weight_hh_l1"):
        for block in getattr(layer, name).split(H):
            assert_close(block @ block.T, torch.eye(H, dtype=D))
    blocks = layer.weight_hh_l0.split(H)
    assert not torch.allclose(blocks[0], blocks[1])
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()
    bound = (6 / (3 + H)) ** 0.5  # Glorot's, of each gate by itself
    assert 0.8 * bound < layer.weight_ih_l0.abs().max().item() <= bound
    projected = elman.LSTM(3, H, proj_size=2, init="orthogonal", dtype=D)
    for block in projected.weight_hh_l0.split(H):
        assert_close(block.T @ block, torch.eye(2, dtype=D))


def test_identity_init() -> None:
    layer = elman.RNN(50, 40, nonlinearity="relu", init="identity")
    assert_close(layer.weight_hh_l0, torch.eye(40))
    assert layer.weight_ih_l0.std().item() == pytest.approx(0.001, rel=0.2)
    assert not layer.bias_ih_l0.any()
    assert_close(elman.GRU(3, H, init="identity").weight_hh_l0, torch.eye(H).repeat(3, 1))


def test_uniform_init_and_params_stay_in_their_ranges() -> None:
    layer = elman.layer("peephole_lstm", 3, 100)
    for name, value in layer.named_parameters():
        bound = 0.1 if name.startswith("p_") else 100**-0.5
        assert 0.9 * bound < value.abs().max().item() <= bound, name
    assert elman.layer("indrnn", 3, 100).u_l0.min().item() >= 0


@pytest.mark.parametrize("proj_size", [0, 2])
def test_learned_initial_state(proj_size: int) -> None:
    layer = elman.LSTM(
        3, H, 2, bidirectional=True, proj_size=proj_size, learn_initial_state=True, dtype=D
    )
    learnt = {n: v for n, v in layer.named_parameters() if n.startswith("initial_")}
    assert len(learnt) == 8
    assert not any(bool(v.any()) for v in learnt.values())
    for value in learnt.values():
        torch.nn.init.normal_(value)
    x, lengths = torch.randn(5, 3, 3, dtype=D), torch.tensor([5, 0, 2])
    suffixes = ("_l0", "_l0_reverse", "_l1", "_l1_reverse")
    state = tuple(
        torch.stack([learnt[f"initial_{s}{suffix}"] for suffix in suffixes])[:, None].expand(
            -1, 3, -1
        )
        for s in "hc"
    )
    assert state[0].shape == (4, 3, proj_size or H)
    got = layer(x, lengths=lengths)
    assert_close(got, layer(x, state, lengths=lengths))
    assert_close(got[1][0][:, 1], state[0][:, 1])
    got[0].sum().backward()
    assert all(bool(v.grad.any()) for v in learnt.values())
    zeros = tuple(torch.zeros_like(s) for s in state)
    assert not torch.allclose(layer(x, zeros)[0], layer(x)[0])
