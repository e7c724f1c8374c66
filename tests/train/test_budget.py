"""Runs of a limited time, by a clock of their own; and runs that begin again after diverging."""

import itertools
import math
import time
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from elman.errors import SettingsError, TrainingDivergedError
from elman.tasks.settings import validated
from elman.train import Step, TrainSettings, fit, run
from elman.train.pace import Pace
from elman.train.settings import seconds_of


class Clock:
    """Time that only steps and evaluations take."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Ones:
    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def epoch(self, e: int, start: int = 0) -> Iterator[float]:
        yield from [1.0] * (self.count - start)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(run, "time", clock)
    return clock


def trained(clock: Clock, *, step: float, evaluation: float, **settings):
    """A run whose steps and evaluations take so many seconds."""
    rates = []

    def loss(model, value, state):
        clock.now += step
        return Step((model.weight - 1000).square().sum(), 1, state)  # a long way to go

    def evaluate(model):
        clock.now += evaluation
        return {"loss": 1.0}

    class Watched(torch.optim.SGD):
        def step(self, *args, **kwargs):
            rates.append(self.param_groups[0]["lr"])
            return super().step(*args, **kwargs)

    began = clock.now
    result = fit(
        nn.Linear(1, 1),
        Ones(100),
        loss,
        settings=TrainSettings(lr=1.0, schedule="linear", epochs=10, **settings),
        evaluate=evaluate,
        progress=False,
    )
    return result, clock.now - began


def test_a_run_ends_within_its_budget_with_the_rate_come_down(clock, tmp_path):
    result, took = trained(clock, step=1.0, evaluation=5.0, budget="5m")
    assert 285 <= took <= 300
    assert 200 < result.step < 300
    assert result.stopped_because == "finished"
    evaluating = 5.0 * len(result.history)
    assert evaluating <= 0.2 * took


def test_a_budget_that_is_not_needed_changes_no_weight():
    def weights(**settings):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        fit(
            model,
            Ones(20),
            lambda model, value, state: Step((model.weight - 3).square().sum(), 1, state),
            settings=TrainSettings(lr=0.1, epochs=3, **settings),
            progress=False,
        )
        return model.weight.item()

    assert weights() == weights(budget="2h")


def test_time_before_the_run_is_part_of_the_budget(clock):
    steps = []

    def loss(model, value, state):
        clock.now += 1.0
        steps.append(1)
        return Step(model.weight.square().sum(), 1, state)

    settings = TrainSettings(epochs=10, budget=100)
    began = time.monotonic() - 60
    fit(nn.Linear(1, 1), Ones(100), loss, settings=settings, progress=False, began=began)
    assert len(steps) in (40, 41)


def test_positions_follow_the_slower_of_steps_and_time():
    pace = Pace(1000, 100.0)
    assert pace.position(0, 50.0) == 500
    assert pace.position(700, 50.0) == 700
    assert pace.position(0, 500.0) == 1000
    assert Pace(1000, None).position(3, 1e9) == 3


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("5 m", 300), ("1h30m", 5400), ("0.5s", 0.5)]
)
def test_durations(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "m", "-5m", "5m!", "1.2.3s", "0s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(SettingsError, match="budget"):
        validated(TrainSettings, {"budget": text})


class Falls(nn.Module):
    """Its loss becomes NaN while the rate is above one half."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))
        self.start = 1.0


def falling(model, value, state):
    moved = (model.weight - 1.0).abs()
    return Step(torch.where(moved > 0.5, math.nan, 1.0) * model.weight, 1, state)


def test_a_run_that_diverges_begins_again_at_a_third_of_the_rate(tmp_path):
    settings = TrainSettings(
        optimizer="sgd", lr=1.0, schedule="constant", clip=None, restarts=2, max_steps=4
    )
    model = Falls()
    result = fit(model, Ones(4), falling, settings=settings, folder=tmp_path, progress=False)
    assert result.step == 4
    assert len(result.warnings) == 2
    assert "lr=0.111" in result.warnings[1]
    assert model.weight.item() == pytest.approx(1 - 4 / 9)


def test_a_run_that_diverges_each_time_says_so():
    settings = TrainSettings(
        optimizer="sgd", lr=1e3, schedule="constant", clip=None, restarts=1, max_steps=4
    )
    with pytest.raises(TrainingDivergedError):
        fit(Falls(), Ones(4), falling, settings=settings, progress=False)


def improving(clock, values, **settings):
    """Steps of a run whose validation loss is what `values` has for each tenth of 100 steps."""
    torch.manual_seed(0)

    def loss(model, value, state):
        clock.now += 0.1
        return Step(model.weight.square().sum(), 1, state)

    model = nn.Linear(1, 1)
    seen = iter(values)
    return fit(
        model,
        Ones(100),
        loss,
        settings=TrainSettings(epochs=1, **settings),
        evaluate=lambda model: {"loss": next(seen)},
        progress=True,
    ).step


def test_a_run_that_still_improves_goes_on_while_there_is_time(clock, capsys):
    better, best = [1 / (1 + i) for i in range(1000)], [1.0] * 1000
    assert improving(clock, better, budget="45s") in (400, 450)
    shown = capsys.readouterr().err
    assert "still improving: training continues to step 200\nstep " in shown
    assert "step 110/200 " in shown
    assert improving(clock, best, budget="45s") == 100
    assert improving(clock, better, budget="45s", max_steps=100) == 100
    assert improving(clock, better) == 100


def test_a_run_that_went_on_is_resumed_where_it_was(clock, tmp_path):
    class KilledError(Exception):
        pass

    def loss(model, value, state):
        clock.now += 0.1
        if clock.now > die_at:
            raise KilledError
        return Step((model.weight - 3).square().sum(), 1, state)

    def run(folder, **how):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        losses = iter([1 / (1 + i) for i in range(1000)])
        settings = TrainSettings(epochs=1, budget="45s", checkpoint_every=10)
        result = fit(
            model,
            Ones(100),
            loss,
            settings=settings,
            folder=folder,
            evaluate=lambda model: {"loss": next(losses)},
            progress=False,
            **how,
        )
        return result.step

    die_at = math.inf
    whole = run(tmp_path / "whole")
    die_at = clock.now + 25
    with pytest.raises(KilledError):
        run(tmp_path / "broken")
    die_at = math.inf
    assert abs(run(tmp_path / "broken", resume=True) - whole) <= 100


def test_a_run_that_no_longer_improves_cools_down_from_its_best_weights():
    rates, seen = [], []

    class Ends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(0.0))

    def loss(model, value, state):
        seen.append(model.weight.item())
        return Step(-model.weight, 1, state)

    def evaluate(model):
        value = model.weight.item()
        return {"loss": abs(value - 20.0)}

    settings = TrainSettings(
        optimizer="sgd",
        lr=1.0,
        schedule="linear",
        clip=None,
        epochs=1,
        max_steps=200,
        evaluate_every=5,
        cooldown=2,
    )
    result = fit(Ends(), Ones(200), loss, settings=settings, evaluate=evaluate, progress=False)
    rates = [b - a for a, b in itertools.pairwise(seen)]
    best = next(
        e["step"] for e in result.history if e["loss"] == min(x["loss"] for x in result.history[:6])
    )
    back = next(i for i, rate in enumerate(rates) if rate < 0)
    assert back == best + 10 - 1  # two evaluations after it
    assert result.step == best + 10 + math.ceil(best / 2)
    assert rates[-1] < 0.2 < 0.8 < rates[back + 1]
    assert result.stopped_because == "finished"


def test_a_metric_that_cannot_be_better_ends_a_run_early() -> None:
    model = nn.Linear(1, 1)

    def evaluate(_: nn.Module) -> dict[str, float]:
        looks.append(None)
        return {"accuracy": 1.0 if len(looks) > 3 else 0.5, "loss": 1 / len(looks)}

    looks: list[None] = []
    settings = TrainSettings(epochs=1, evaluate_every=10, cooldown=50)
    result = fit(
        model,
        Ones(200),
        lambda model, value, state: Step(model(torch.full((1, 1), value)).square().sum(), 1, state),
        settings=settings,
        evaluate=evaluate,
        metric="accuracy",
        progress=False,
    )
    assert [each["accuracy"] for each in result.history[:5]] == [0.5, 0.5, 0.5, 1.0, 1.0]
    assert result.step == 50 + 25  # the second perfect one, and half of the best's steps
