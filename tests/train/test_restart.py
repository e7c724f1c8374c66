"""A run that has learnt nothing after a tenth of its steps begins again at a lower rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from elman.train import Step, TrainSettings, fit


class Ones:
    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def epoch(self, e: int, start: int = 0) -> Iterator[float]:
        yield from [1.0] * (self.count - start)


class Weight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))


def square(model: Weight, value: float, state: Any) -> Step:
    """At a rate of 1 a step turns the weight's sign, and its square stays as it is."""
    return Step(model.weight.square(), 1, state)


def run(steps: int = 600, *, chance: float | None = 1.0, loss: Any = square, **given: Any) -> Any:
    settings = {"lr": 1.0, "restarts": 2, "epochs": 1, **given}
    settings = TrainSettings(optimizer="sgd", schedule="constant", clip=None, **settings)
    model = Weight()
    return fit(model, Ones(steps), loss, settings=settings, progress=False, chance=chance)


def test_a_loss_no_lower_than_chance_begins_again_at_a_third_of_the_rate() -> None:
    result = run()
    (words,) = result.warnings
    assert "1 after 60 steps, no lower than the 1 of a constant prediction" in words
    assert "begins again at lr=0.333, as 1 of 2" in words
    assert result.step == 600
    assert result.history[-1]["training_loss"] < 0.01


def test_as_often_as_the_settings_allow_and_then_it_goes_on() -> None:
    result = run(lr=9.0, chance=0.0)  # no loss is below
    assert len(result.warnings) == 2
    assert result.step == 600


@pytest.mark.parametrize(
    "others",
    [{"chance": 1.01}, {"chance": None}, {"restarts": 0}, {"steps": 490}],
    ids=str,
)
def test_what_does_not_begin_again(others: dict[str, Any]) -> None:
    assert run(**others).warnings == []


def test_a_loss_that_still_falls_does_not_begin_again() -> None:
    result = run(lr=0.001, chance=0.5)  # 0.79 after 60 steps
    assert result.warnings == []
    stuck = run(lr=0.00001, chance=0.5)
    assert len(stuck.warnings) == 2


def test_resumed_before_it_begins_again(tmp_path: Path) -> None:
    calls = 0

    def stopped(model: Weight, value: float, state: Any) -> Step:
        nonlocal calls
        calls += 1
        if calls == 56:
            raise KeyboardInterrupt
        return square(model, value, state)

    def begun(loss: Any, *, resume: bool) -> Any:
        settings = TrainSettings(
            **{"optimizer": "sgd", "schedule": "constant", "clip": None, "lr": 1.0, "restarts": 2},
            **{"epochs": 1, "checkpoint_every": 50},
        )
        options = {"settings": settings, "progress": False, "chance": 1.0}
        return fit(Weight(), Ones(600), loss, folder=tmp_path, resume=resume, **options)

    with pytest.raises(KeyboardInterrupt):
        begun(stopped, resume=False)
    result = begun(square, resume=True)
    assert result.warnings == run().warnings
    assert result.history == run().history
