"""The decoder that attends to the past."""

import pytest
import torch

from elman.nn import Recurrent
from elman.tasks.forecast.attention import AttentionHead
from elman.tasks.forecast.network import Forecaster, Origins

WINDOW, SIZE, HORIZON = 4, 6, 5


@pytest.fixture
def head() -> AttentionHead:
    torch.manual_seed(0)
    made = AttentionHead(
        "lstm",
        SIZE,
        window=WINDOW,
        targets=2,
        bases=3,
        ahead=1,
        horizon=HORIZON,
        quantiles=5,
        dropout=0.0,
        smoothed=False,
    )
    with torch.no_grad():
        made.spread.weight.normal_()
    return made


def given(count: int, batch: int) -> Origins:
    at = torch.zeros(count, batch, dtype=torch.int64)
    rules = torch.randn(count, batch, HORIZON, 2, 3)
    return Origins(at, torch.zeros(count, batch, 8), rules, torch.randn(count, batch, HORIZON, 1))


def test_a_new_head_says_the_last_rule_mostly(head: AttentionHead) -> None:
    with torch.no_grad():
        head.spread.weight.zero_()
    origins = given(3, 2)
    found = head(torch.randn(3, 2, WINDOW * SIZE), origins)
    assert found.shape == (3, 2, HORIZON, 2, 5)
    assert (found.diff(dim=-1) > 0).all()
    weights = torch.tensor([0.0, 0.0, 1.0]).softmax(-1)
    torch.testing.assert_close(found[..., 2], (origins.bases * weights).sum(-1))


def test_each_forecast_depends_on_its_own_past_alone(head: AttentionHead) -> None:
    past = torch.randn(3, 2, WINDOW * SIZE, requires_grad=True)
    found = head(past, given(3, 2))
    found[1, 0].sum().backward()
    assert past.grad is not None
    touched = past.grad.view(3, 2, WINDOW, SIZE).abs().sum(-1) > 0
    assert touched[1, 0].all()
    assert touched.sum() == WINDOW


def test_steps_before_a_series_begins_have_no_weight(head: AttentionHead) -> None:
    """A window half of zeros is as one that is half as long."""
    past = torch.randn(1, 1, WINDOW, SIZE)
    past[:, :, :2] = 0
    origins = given(1, 1)
    whole = head(past.flatten(2), origins)
    head.window = 2
    torch.testing.assert_close(head(past[:, :, 2:].flatten(2), origins), whole)


def test_the_network_gives_the_head_the_last_outputs(head: AttentionHead) -> None:
    network = Forecaster(Recurrent("gru", 3, SIZE), head, (0.1, 0.5, 0.9), window=WINDOW)
    x = torch.randn(9, 2, 3)
    output, state = network.read(x)
    plain, _ = network.recurrent(x)
    picked = network.pick(output, torch.tensor([8, 1]), torch.tensor([0, 1]))
    torch.testing.assert_close(picked[0].view(WINDOW, SIZE), plain[5:, 0])
    torch.testing.assert_close(picked[1].view(WINDOW, SIZE)[2:], plain[:2, 1])
    assert (picked[1].view(WINDOW, SIZE)[:2] == 0).all()
    more = torch.randn(2, 2, 3)
    again, _ = network.read(more, state)
    whole, _ = network.read(torch.cat([x, more]))
    torch.testing.assert_close(
        network.pick(again, torch.tensor([0, 1])), network.pick(whole, torch.tensor([9, 10]))
    )


def test_the_weights_have_the_names_of_saved_models(head: AttentionHead) -> None:
    names = {name for name in head.state_dict() if not name.startswith("decoder.")}
    layers = ("bridge", "joined", "mixture", "spread")
    expected = {f"{layer}.{what}" for layer in layers for what in ("weight", "bias")}
    assert names == expected | {"query.weight"}
    assert head.state_dict()["query.weight"].shape == (SIZE, SIZE)


def test_the_attention_written_out(head: AttentionHead) -> None:
    """Scores `(W q) . m / sqrt(H)` over the steps since the series began."""
    past = torch.randn(1, 3, WINDOW, SIZE)
    past[0, 1, :2] = 0
    past[0, 2] = 0  # a series that has not begun has no context
    found: list[torch.Tensor] = []
    head.joined.register_forward_pre_hook(lambda module, args: found.append(args[0]))
    head(past.flatten(2), given(1, 3))
    decoded, context = found[0].split(SIZE, -1)
    for b, first in ((0, 0), (1, 2)):
        for t in range(HORIZON):
            query = head.state_dict()["query.weight"] @ decoded[t, b]
            weights = (past[0, b, first:] @ query / SIZE**0.5).softmax(0)
            torch.testing.assert_close(context[t, b], weights @ past[0, b, first:])
    assert not context[:, 2].any()
