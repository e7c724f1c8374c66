"""Divergence is stopped at its step and blamed on the right parameter."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from elman.errors import TrainingDivergedError
from elman.train import Step, TrainSettings, fit
from elman.train.divergence import Guard, suspect


class Noise:
    def __len__(self) -> int:
        return 8

    def epoch(self, e: int, start: int = 0) -> Iterator[torch.Tensor]:
        for i in range(start, 8):
            yield torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(10 * e + i))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recur = nn.LSTM(3, 6, num_layers=2)
        self.head = nn.Linear(6, 3)


def predict(model: Net, x: torch.Tensor, state: None) -> Step:
    return Step(nn.functional.mse_loss(model.head(model.recur(x[:-1])[0]), x[1:]), 48)


class Pull(nn.Module):
    """A single weight, pulled by what the batch says."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([value], dtype=torch.float64))


class Given:
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def epoch(self, e: int, start: int = 0) -> Iterator[float]:
        yield from self.values[start:]


def pull(model: Pull, value: float, state: None) -> Step:
    return Step((value * model.w).sum(), 1, state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_planted_gradient_is_named_with_its_step(value):
    model = Net()
    calls = 0

    def plant(gradient):
        nonlocal calls
        calls += 1
        return gradient * value if calls == 5 else gradient

    model.recur.weight_hh_l1.register_hook(plant)
    message = r"diverged at step 5: the gradient's norm is .*'recur\.weight_hh_l1' is the first"
    with pytest.raises(TrainingDivergedError, match=message):
        fit(model, Noise(), predict, settings=TrainSettings(), progress=False)
    assert all(p.isfinite().all() for p in model.parameters())


def test_a_planted_weight_is_named_with_its_step():
    model = Net()
    calls = 0

    def loss(model, x, state):
        nonlocal calls
        calls += 1
        if calls == 3:
            with torch.no_grad():
                model.head.bias[1] = torch.nan
        return predict(model, x, state)

    message = r"diverged at step 3: the loss is nan .*'head\.bias' itself is not finite"
    with pytest.raises(TrainingDivergedError, match=message):
        fit(model, Noise(), loss, settings=TrainSettings(), progress=False)


def test_an_exploding_loss_is_stopped_before_it_overflows():
    def loss(model, x, state):
        return Step(model.w.square().sum(), 1, state)

    settings = TrainSettings(optimizer="sgd", lr=2.0, schedule="constant", clip=None)
    message = r"diverged at step \d+: the loss has been above .*'w' \(norm .*Try lr=0\.2 \(now 2\)"
    with pytest.raises(TrainingDivergedError, match=message):
        fit(Pull(1.0), Given([0.0] * 100), loss, settings=settings, progress=False)


def test_noise_around_a_tiny_loss_is_no_explosion():
    guard, model = Guard(), Pull()
    for step in range(1, 400):
        spike = 0.5 if step % 3 else 1e-6
        guard.check(step, 0.7 if step < 100 else spike, 1.0, model, TrainSettings())


def test_a_negative_loss_may_fall_and_come_back():
    guard, model = Guard(), Pull()
    for step, loss in enumerate([3.0, 0.0, -5.0] + [-8.0] * 100 + [20.0] * 100, 1):
        guard.check(step, loss, 1.0, model, TrainSettings())


def test_a_spike_shorter_than_ten_steps_is_borne():
    guard, model = Guard(), Pull()
    for step, loss in enumerate(([2.0] * 5 + [1e4] * 9) * 3, 1):
        guard.check(step, loss, 1.0, model, TrainSettings())
    with pytest.raises(TrainingDivergedError, match=r"at step 43: .* no parameter has a gradient"):
        guard.check(43, 1e4, 1.0, model, TrainSettings())


def test_the_largest_gradient_is_named_where_all_are_finite():
    model = Net()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model.recur.bias_hh_l1.grad *= 1e3
    assert suspect(model) == "the largest gradient is that of 'recur.bias_hh_l1' (norm 4.9e+03)"
