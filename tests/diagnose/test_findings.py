"""Planted faults are found and named; a healthy model gets no alarm. Ten seeds each."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import elman
from elman.diagnose.report import Diagnosis, diagnose

SEEDS = range(10)
T, B, F, H = 60, 8, 3, 16


def kinds(found: Diagnosis) -> set[tuple[str, str]]:
    return {(each.kind, each.where) for each in found.findings if each.level != "note"}


class Net(nn.Module):
    def __init__(self, make: Callable[[], nn.Module], width: int = H) -> None:
        super().__init__()
        self.recur = make()
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.recur(x)[0])
        return output


def planted(make: Callable[[], nn.Module], seed: int) -> tuple[Net, tuple[Tensor, Tensor]]:
    torch.manual_seed(seed)
    return Net(make), (torch.randn(T, B, F), torch.randint(0, 2, (T, B)))


HEALTHY: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: elman.LSTM(F, H, forget_bias=1.0),
    "lstm of torch": lambda: nn.LSTM(F, H),
    "gru": lambda: elman.GRU(F, H, num_layers=2),
    "rnn": lambda: elman.RNN(F, H, init="orthogonal"),
    "irnn": lambda: elman.layer("rnn_relu", F, H, init="identity"),
    "chrono": lambda: elman.nn.chrono(elman.LSTM(F, H, init="orthogonal"), T),
    "peephole": lambda: elman.layer("peephole_lstm", F, H, layer_norm=True),
}


@pytest.mark.parametrize("make", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_model_gets_no_alarm(make: Callable[[], nn.Module]) -> None:
    for seed in SEEDS:
        net, batch = planted(make, seed)
        found = diagnose(net, batch)
        assert found.healthy, (seed, [f.words for f in found.findings if f.level != "note"])


@pytest.mark.parametrize("make", [lambda: elman.LSTM(F, H), lambda: nn.LSTM(F, H)])
def test_a_dead_forget_gate_is_found(make: Callable[[], nn.Module]) -> None:
    for seed in SEEDS:
        net, batch = planted(make, seed)
        with torch.no_grad():
            net.recur.get_parameter("bias_ih_l0")[H : 2 * H] = -8.0
        found = diagnose(net, batch)
        assert ("forget", "recur") in kinds(found), seed
        (finding,) = (each for each in found.findings if each.kind == "forget")
        assert finding.evidence["kept a step"] < 0.01
        assert "forget_bias=1" in finding.remedies[0].words


def test_a_layer_that_vanishes_is_found_and_no_other() -> None:
    for seed in SEEDS:
        net, batch = planted(lambda: elman.LSTM(F, H, 2, forget_bias=1.0), seed)
        with torch.no_grad():
            net.recur.get_parameter("weight_ih_l1").mul_(1e-6)
        assert kinds(diagnose(net, batch)) == {("depth", "recur, layer 0")}, seed


def test_a_recurrence_that_vanishes_is_found() -> None:
    for seed in SEEDS:
        net, batch = planted(lambda: elman.RNN(F, H, 2, init="orthogonal"), seed)
        with torch.no_grad():
            net.recur.get_parameter("weight_hh_l1").mul_(0.05)
        assert kinds(diagnose(net, batch)) == {("vanishing", "recur, layer 1")}, seed


def test_an_explosion_is_found_in_its_layer() -> None:
    for seed in SEEDS:
        net, batch = planted(lambda: elman.RNN(F, H, 2, "relu", init="identity"), seed)
        with torch.no_grad():
            net.recur.get_parameter("weight_hh_l0").mul_(1.4)
        assert ("exploding", "recur, layer 0") in kinds(diagnose(net, batch)), seed


def test_saturated_and_stuck_units_are_found() -> None:
    for seed in SEEDS:
        net, batch = planted(lambda: elman.RNN(F, H), seed)
        with torch.no_grad():
            net.recur.get_parameter("weight_ih_l0").mul_(0.01)
            net.recur.get_parameter("bias_ih_l0").copy_(6.0 * torch.ones(H))
            net.recur.get_parameter("weight_hh_l0").mul_(0.1)
        assert {("saturated", "recur"), ("stuck", "recur")} <= kinds(diagnose(net, batch)), seed


def test_dead_units_are_found() -> None:
    for seed in SEEDS:
        net, batch = planted(lambda: elman.RNN(F, H, nonlinearity="relu"), seed)
        with torch.no_grad():
            net.recur.get_parameter("bias_ih_l0")[: H // 2] = -50.0
        found = diagnose(net, batch)
        assert ("dead", "recur") in kinds(found), seed
        assert set(range(H // 2)) <= set(found.layers[0].states[0].dead)


@pytest.mark.parametrize(("what", "at"), [("states", 7), ("gradients", 7)])
def test_nan_is_found_with_its_step(what: str, at: int) -> None:
    net, (x, target) = planted(lambda: elman.GRU(F, H), 0)
    if what == "states":
        x[at, 2] = float("nan")
        found = diagnose(net, (x, target))
    else:

        def loss(model: Net, x: Tensor) -> Tensor:
            output = model(x)
            return (output[at] / 0).sum() + output.sum()

        found = diagnose(net, x, loss=loss)
    (finding,) = found.findings
    assert (finding.kind, finding.level, finding.evidence["step"]) == ("nan", "error", at)
    assert f"step {at}" in finding.words
    assert what in finding.words
    found.to_json()


def test_chunks_that_cut_too_much_are_found() -> None:
    net, batch = planted(lambda: elman.nn.chrono(elman.LSTM(F, H), T), 0)
    last = lambda model, batch: model(batch[0])[-1].sum()  # noqa: E731
    found = diagnose(net, batch, loss=last, chunk=4)
    assert ("truncation", "recur") in kinds(found)
    assert diagnose(net, batch, loss=last, chunk=T).healthy
