"""Gradients watched in training: logged, warned of, blamed on the right step and layer."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

import elman
from elman.diagnose.monitor import Monitor, read_history
from elman.errors import SettingsError, TrainingDivergedError
from elman.train import Step, TrainSettings, fit

SEEDS = range(10)
F, H = 3, 8


class Noise:
    def __init__(self, seed: int, steps: int = 40) -> None:
        self.seed, self.steps = seed, steps

    def __len__(self) -> int:
        return self.steps

    def epoch(self, e: int, start: int = 0) -> Iterator[Tensor]:
        for i in range(start, self.steps):
            generator = torch.Generator().manual_seed(1000 * self.seed + 100 * e + i)
            yield torch.randn(30, 4, F, generator=generator)


class Net(nn.Module):
    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.recur = make()
        self.head = nn.Linear(H, F)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recur(x)[0])


def loss(model: Net, x: Tensor, state: Any) -> Step:
    return Step(nn.functional.mse_loss(model.head(model.recur(x[:-1])[0]), x[1:]), 48)


def made(make: Callable[[], nn.Module], seed: int) -> Net:
    torch.manual_seed(seed)
    return Net(make)


def settings(**options: Any) -> TrainSettings:
    return TrainSettings(monitor="gradients", monitor_every=10, **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: elman.LSTM(F, H, 2, forget_bias=1.0, dropout=0.2),
        lambda: nn.GRU(F, H),
        lambda: elman.RNN(F, H, init="orthogonal"),
    ],
)
def test_a_healthy_run_gets_no_alarm(make: Callable[[], nn.Module]) -> None:
    for seed in SEEDS:
        result = fit(
            made(make, seed), Noise(seed), loss, settings=settings(epochs=1), progress=False
        )
        assert result.warnings == [], seed
        assert [entry["step"] for entry in result.gradients] == [1, 10, 20, 30, 40]


def test_an_explosion_is_stopped_with_its_step_and_layer() -> None:
    """At a step drawn from the seed the recurrent matrix of layer 1 is made ten times too large."""
    for seed in SEEDS:
        net, planted, calls = made(lambda: elman.RNN(F, H, 2, "relu"), seed), 12 + seed, 0

        def plant(model: Net, x: Tensor, state: Any, at: int = planted, net: Net = net) -> Step:
            nonlocal calls
            calls += 1
            if calls == at:
                with torch.no_grad():
                    eye = 1e3 * torch.eye(H)
                    net.recur.get_parameter("weight_hh_l1").copy_(eye)
            return loss(model, x, state)

        with pytest.raises(TrainingDivergedError) as stop:
            fit(net, Noise(seed), plant, settings=settings(epochs=1), progress=False)
        words = str(stop.value)
        assert f"training diverged at step {planted}:" in words
        assert f"since step {planted} the" in words
        assert "recur, layer 1" in words
        assert "recur, layer 0" not in words, words


def test_a_jump_and_what_begins_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    net, calls = made(lambda: elman.LSTM(F, H, forget_bias=1.0), 0), 0

    def plant(model: Net, x: Tensor, state: Any) -> Step:
        nonlocal calls
        calls += 1
        if calls == 15:
            with torch.no_grad():
                model.recur.get_parameter("bias_ih_l0")[H : 2 * H] = -9.0
        step = loss(model, x, state)
        return Step(step.loss * 1e4, 1) if calls == 25 else step

    result = fit(net, Noise(0), plant, settings=settings(epochs=1), progress=True)
    vanishing = [words for words in result.warnings if "vanishes" in words]
    assert len(vanishing) == 1
    assert vanishing[0].startswith("step 20: the gradient of recur vanishes")
    (jump,) = (words for words in result.warnings if "jumped" in words)
    assert jump.startswith("step 25: the gradient's norm jumped to")
    assert capsys.readouterr().err.count("warning: step 2") == 2


def test_the_log_and_the_result_hold_the_same(tmp_path: Path) -> None:
    net = made(lambda: elman.RNN(F, H, 2), 0)
    with torch.no_grad():
        net.recur.get_parameter("weight_hh_l0").mul_(0.01)
    result = fit(net, Noise(0), loss, settings=settings(epochs=1), folder=tmp_path, progress=False)
    assert read_history(tmp_path) == result.gradients
    assert result.warnings
    kinds = [json.loads(x)["kind"] for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert kinds.count("gradients") == 5
    assert read_history(tmp_path / "none") == []


def test_monitoring_changes_no_weight_and_a_resumed_run_goes_on(tmp_path: Path) -> None:
    make = lambda: elman.LSTM(F, H, 2, dropout=0.5, weight_dropout=0.2)  # noqa: E731
    plain, watched_net = made(make, 3), made(make, 3)
    fit(plain, Noise(3), loss, settings=TrainSettings(epochs=1), progress=False)
    whole = fit(watched_net, Noise(3), loss, settings=settings(epochs=1), progress=False)
    for a, b in zip(plain.parameters(), watched_net.parameters(), strict=True):
        assert torch.equal(a, b)
    resumed = made(make, 3)
    endless = {"schedule": "constant"}
    half = settings(epochs=1, max_steps=20, **endless)
    fit(resumed, Noise(3), loss, settings=half, folder=tmp_path, progress=False)
    result = fit(
        *(resumed, Noise(3), loss),
        settings=settings(epochs=1, max_steps=40, **endless),
        folder=tmp_path,
        progress=False,
        resume=True,
    )
    assert [e["step"] for e in result.gradients] == [e["step"] for e in whole.gradients]


def test_a_step_that_runs_no_recurrent_layer_may_diverge() -> None:
    steps = 0

    def own(model: Net, x: Tensor, state: Any) -> Step:
        nonlocal steps
        steps += 1
        return loss(model, x, state) if steps < 5 else Step(model.head.weight.sum() * math.inf, 1)

    with pytest.raises(TrainingDivergedError, match="step 5: the loss is"):
        fit(made(lambda: nn.GRU(F, H), 0), Noise(0), own, settings=settings(), progress=False)


@pytest.mark.parametrize("whole", [True, False])
def test_a_compiled_model_is_seen_and_compiled_once(whole: bool) -> None:
    model = made(lambda: elman.GRU(F, H), 0)
    counter = CompileCounter()
    if whole:
        compiled = torch.compile(model, backend=counter)
    else:
        model.recur.compile(backend=counter)

    def own(net: Any, x: Tensor, state: Any) -> Step:
        return Step(net(x).square().mean() if whole else net.recur(x)[0].square().mean(), 48)

    given = compiled if whole else model
    result = fit(given, Noise(0), own, settings=settings(epochs=1), progress=False)
    assert [len(entry["layers"]) for entry in result.gradients] == [1] * 5
    assert counter.frame_count <= 2


def test_by_itself_it_looks_seldom() -> None:
    layer = elman.GRU(F, H)
    monitor = Monitor(layer, every=None)
    looked = []
    for number in range(1, 20):
        with monitor.step(number):
            layer(torch.randn(5, 2, F))[0].sum().backward()
        looked.append(monitor.look(number, 1.0, nullcontext(pytest.fail)) is not None)
    assert looked == [True] + [False] * 18


def test_a_jump_is_looked_at_and_changes_nothing() -> None:
    """A batch a thousand times as large, at a step at which nothing was caught."""

    class Jumps(Noise):
        def epoch(self, e: int, start: int = 0) -> Iterator[Tensor]:
            for i, x in enumerate(super().epoch(e, start), start):
                yield 1e4 * x if i == 24 else x

    class Normed(Net):
        def __init__(self) -> None:
            super().__init__(lambda: elman.LSTM(F, H, 2, dropout=0.5))
            self.norm = nn.BatchNorm1d(F)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.head(self.recur(x)[0]).flatten(0, 1)).view(*x.shape)

    def own(model: Normed, x: Tensor, state: Any) -> Step:
        return Step((model(x[:-1]) - x[1:]).square().mean(), 48)

    runs = []
    for watch in (False, True):
        torch.manual_seed(0)
        model = Normed()
        chosen = settings(epochs=1) if watch else TrainSettings(epochs=1)
        runs.append((model, fit(model, Jumps(0), own, settings=chosen, progress=False)))
    (plain, _), (model, result) = runs
    assert [entry["step"] for entry in result.gradients] == [1, 10, 20, 25, 30, 40]
    assert any(words.startswith("step 25: the gradient's norm jumped") for words in result.warnings)
    for name, value in plain.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_a_model_without_a_recurrent_layer_is_told() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(F, F)

    def own(model: Plain, x: Tensor, state: Any) -> Step:
        return Step(model.head(x).square().mean(), 1)

    with pytest.raises(SettingsError, match="Plain has no recurrent layer"):
        fit(Plain(), Noise(0), own, settings=settings(epochs=1), progress=False)
