"""What a call gives: resets, states at every step, streaming, empty input; and bad settings."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import elman
from elman.cells import BUILTIN
from elman.errors import SettingsError

EXACT = {"rtol": 1e-10, "atol": 1e-12}
BACKENDS = ("auto", "reference")


def make(cell: Any, *sizes: int, **options: Any) -> elman.nn.Recurrent:
    torch.manual_seed(0)
    layer = elman.layer(cell, *sizes, dtype=torch.float64, **options)
    for name, parameter in layer.named_parameters():
        if name.startswith("initial_"):
            torch.nn.init.normal_(parameter)
    return layer


def parts(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def initial(layer: elman.nn.Recurrent, batch: int) -> list[Tensor]:
    """The state a layer starts from, (layers * directions, B, H) each."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    if not layer.learn_initial_state:
        return [torch.zeros(count, batch, layer.hidden_size).double() for _ in layer.cell.state]
    return [
        torch.stack([v for n, v in layer.named_parameters() if n.startswith(f"initial_{s}_")])
        .unsqueeze(1)
        .expand(-1, batch, -1)
        for s in layer.cell.state
    ]


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "indrnn"])
def test_resets_equal_separate_runs(cell: str, bidirectional: bool, learnt: bool) -> None:
    layer = make(cell, 3, 4, num_layers=2, bidirectional=bidirectional, learn_initial_state=learnt)
    x, lengths = torch.randn(7, 3, 3, dtype=torch.float64), [7, 5, 4]
    resets = torch.zeros(7, 3, dtype=torch.bool)
    resets[3, 0] = resets[5, 0] = resets[1, 1] = resets[0, 2] = True
    resets[5, 1] = resets[6, 2] = True  # on padding, where they must do nothing
    given = [torch.randn_like(part) for part in initial(layer, 3)]
    state = given[0] if len(given) == 1 else tuple(given)
    output, last = layer(x, state, lengths=torch.tensor(lengths), resets=resets)
    forward = slice(0, None, 2 if bidirectional else 1)
    for b, length in enumerate(lengths):
        borders = [0, *(t for t in range(1, length) if resets[t, b]), length]
        pieces = list(pairwise(borders))
        finals = []
        for start, stop in pieces:
            s = [part.clone() for part in initial(layer, 1)]
            for mine, its in zip(s, given, strict=True):
                if start == 0 and not resets[0, b]:
                    mine[forward, 0] = its[forward, b]
                if stop == length and bidirectional:
                    mine[1::2, 0] = its[1::2, b]
            piece, final = layer(x[start:stop, b : b + 1], s[0] if len(s) == 1 else tuple(s))
            assert_close(output[start:stop, b : b + 1], piece, **EXACT)
            finals.append(parts(final))
        for got, end, begin in zip(parts(last), finals[-1], finals[0], strict=True):
            assert_close(got[forward, b], end[forward, 0], **EXACT)
            if bidirectional:
                assert_close(got[1::2, b], begin[1::2, 0], **EXACT)


def test_resets_without_a_batch_and_batch_first() -> None:
    layer, first = make("gru", 3, 4), make("gru", 3, 4, batch_first=True)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    resets = torch.tensor([0, 0, 1, 0, 1, 0]).bool().unsqueeze(1).repeat(1, 2)
    output, _ = layer(x, resets=resets)
    assert_close(layer(x[:, 0], resets=resets[:, 0])[0], output[:, 0], **EXACT)
    assert_close(first(x.transpose(0, 1), resets=resets.T)[0].transpose(0, 1), output, **EXACT)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_states_at_every_step(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, num_layers=2, backend=backend)
    x = torch.randn(5, 3, 3, dtype=torch.float64)
    output, last, states = layer(x, return_states=True)
    assert_close(parts(states)[0][:, -1], output, **EXACT)
    for t in range(5):
        _, after = layer(x[: t + 1])
        assert_close(tuple(s[t] for s in parts(states)), parts(after), **EXACT)
    assert_close(tuple(s[-1] for s in parts(states)), parts(last), **EXACT)
    lengths = torch.tensor([5, 2, 0])
    _, last, masked = layer(x, lengths=lengths, return_states=True)
    for with_lengths, whole, final in zip(parts(masked), parts(states), parts(last), strict=True):
        assert_close(with_lengths[:2, :, :2], whole[:2, :, :2], **EXACT)
        assert not with_lengths[2:, :, 1].any()
        assert not with_lengths[:, :, 2].any()
        assert_close(with_lengths[1, :, 1], final[:, 1], **EXACT)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_states_of_the_backward_direction(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, bidirectional=True, backend=backend)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    _, _, states = layer(x, return_states=True)
    for t in range(5):
        _, after = layer(x[t:])
        assert_close(tuple(s[t, 1] for s in parts(states)), tuple(s[1] for s in parts(after)))
    alone = layer(x[:, 0], return_states=True)[2]
    assert_close(parts(alone), tuple(s[:, :, 0] for s in parts(states)), **EXACT)


@pytest.mark.parametrize("batch_first", [False, True])
def test_chunks_carry_the_state(batch_first: bool) -> None:
    for cell in BUILTIN:
        layer = make(cell, 3, 4, num_layers=2, batch_first=batch_first)
        x = torch.randn(6, 6, 3, dtype=torch.float64)
        whole, end = layer(x)
        one, state = layer(x[:, :2] if batch_first else x[:2])
        two, state = layer(x[:, 2:] if batch_first else x[2:], state)
        assert_close(torch.cat([one, two], 1 if batch_first else 0), whole, **EXACT)
        assert_close(state, end, **EXACT)
        y, _ = layer.step(x[:, 0] if batch_first else x[0])
        assert_close(y, whole[:, 0] if batch_first else whole[0], **EXACT)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_no_steps_and_no_sequences(cell: str, backend: str) -> None:
    layer = make(cell, 3, 4, num_layers=2, bidirectional=True, backend=backend)
    state = tuple(torch.randn(4, 2, 4, dtype=torch.float64) for _ in layer.cell.state)
    given = state[0] if len(state) == 1 else state
    output, last = layer(torch.zeros(0, 2, 3, dtype=torch.float64), given)
    assert output.shape == (0, 2, 8)
    assert_close(parts(last), state)
    output, last = layer(torch.zeros(5, 0, 3, dtype=torch.float64))
    assert output.shape == (5, 0, 8)
    assert parts(last)[0].shape == (4, 0, 4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", BUILTIN)
def test_a_bad_number_stays_in_its_sequence_and_shows_there(
    cell: str, backend: str, bad: float
) -> None:
    layer = make(cell, 3, 4, num_layers=2, backend=backend)
    clean = torch.randn(6, 3, 3, dtype=torch.float64)
    x = clean.clone()
    x[2, 1, 0] = bad
    for lengths in (None, torch.tensor([6, 4, 3])):
        expected, last = layer(clean, lengths=lengths)
        output, state = layer(x, lengths=lengths)
        assert_close(output[:, [0, 2]], expected[:, [0, 2]], rtol=0, atol=0)
        assert_close(output[:2, 1], expected[:2, 1], rtol=0, atol=0)
        for got, usual in zip(parts(state), parts(last), strict=True):
            assert_close(got[:, [0, 2]], usual[:, [0, 2]], rtol=0, atol=0)
        if bad != bad:
            assert bool(output[2:4, 1].isnan().all())
            assert bool(parts(state)[0][:, 1].isnan().all())
            assert lengths is None or not output[4:, 1].any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input_size": 2.0}, TypeError, "input_size must be an int, got float"),
        ({"hidden_size": "4"}, TypeError, "hidden_size must be an int, got str"),
        ({"num_layers": None}, TypeError, "num_layers must be an int, got NoneType"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
        ({"input_size": -1}, ValueError, "input_size must be at least 0, got -1"),
        ({"dropout": 1.5}, ValueError, "dropout must be a share from 0 to 1, got 1.5"),
        ({"recurrent_dropout": -0.1}, ValueError, "recurrent_dropout must be a share"),
        ({"weight_dropout": 2}, ValueError, "weight_dropout must be a share"),
        ({"zoneout": 1.1}, ValueError, "zoneout must be a share from 0 to 1, got 1.1"),
        ({"zoneout": {"h": -1.0}}, ValueError, "zoneout must be a share from 0 to 1"),
        ({"zoneout": {"k": 0.1}}, ValueError, r"zoneout names \['k'\], but the states are"),
        ({"backend": "cuda"}, ValueError, 'backend must be one of auto, .*, got "cuda"'),
        ({"init": "xavier"}, ValueError, 'init must be one of uniform, .*, got "xavier"'),
        ({"proj_size": 4}, ValueError, "proj_size must be below hidden_size=4, got 4"),
        ({"proj_size": -1}, ValueError, "proj_size must be below hidden_size=4, got -1"),
    ],
)
def test_bad_settings(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        elman.layer("lstm", **{"input_size": 3, "hidden_size": 4} | options)


def test_bad_nonlinearity() -> None:
    with pytest.raises(ValueError, match='nonlinearity must be "tanh" or "relu", got "gelu"'):
        elman.RNN(3, 4, nonlinearity="gelu")


def test_unknown_cell() -> None:
    with pytest.raises(SettingsError, match='cell "lstmm" is unknown'):
        elman.layer("lstmm", 3, 4)


def test_a_missing_backend_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.nn.compiled.lack", lambda: "llvmlite is not installed")
    with pytest.raises(SettingsError, match='backend="compiled": llvmlite is not installed'):
        elman.layer("lstm", 3, 4, backend="compiled")
    assert not elman.backends()["compiled"].available
    assert elman.layer("lstm", 3, 4)(torch.zeros(3, 2, 3))[0].shape == (3, 2, 4)


def test_no_input_features() -> None:
    layer = make("gru", 0, 4)
    assert layer(torch.zeros(3, 2, 0, dtype=torch.float64))[0].shape == (3, 2, 4)


def test_repr_names_what_is_not_usual() -> None:
    assert repr(elman.GRU(3, 4)) == "GRU(GRU, 3, 4)"
    layer = elman.layer("lstm", 3, 4, num_layers=2, bidirectional=True, dropout=0.1)
    assert repr(layer) == "Recurrent(LSTM, 3, 4, num_layers=2, dropout=0.1, bidirectional=True)"
