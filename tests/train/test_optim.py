"""Schedules against closed forms; which parameters decay."""

import math

import pytest
import torch
from torch import nn

from elman.train import TrainSettings
from elman.train.optim import load_optimizer, make_optimizer, rate

TOTAL = 200


def rates(**settings) -> list[float]:
    made = TrainSettings(**{"lr": 0.5, **settings})
    return [rate(step, TOTAL, made) for step in range(TOTAL)]


def test_cosine_is_torchs_own():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, TOTAL)
    expected = []
    for _ in range(TOTAL):
        expected.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates(schedule="cosine") == pytest.approx(expected, abs=1e-12)


def test_linear_is_a_line():
    assert rates(schedule="linear") == pytest.approx([0.5 * (1 - s / 200) for s in range(200)])


@pytest.mark.parametrize("schedule", ["plateau", "constant"])
def test_constant(schedule):
    assert rates(schedule=schedule) == [0.5] * 200


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_warmup_is_a_ramp_before_the_schedule(schedule):
    made = rates(schedule=schedule, warmup=0.1)
    assert made[:20] == pytest.approx([0.5 * (s + 1) / 20 for s in range(20)])
    rest = [s / 180 for s in range(180)]
    shape = {
        "cosine": [0.25 * (1 + math.cos(math.pi * u)) for u in rest],
        "linear": [0.5 * (1 - u) for u in rest],
        "constant": [0.5] * 180,
    }
    assert made[20:] == pytest.approx(shape[schedule])
    assert max(made) == 0.5


def test_warmup_alone_and_steps_beyond_the_end():
    settings = TrainSettings(lr=1.0, warmup=1.0)
    assert rate(9, 10, settings) == 1.0
    assert rate(10, 10, settings) == 1.0
    assert rate(15, 10, TrainSettings(lr=1.0, schedule="linear")) == 0.0
    assert rate(15, 10, TrainSettings(lr=1.0, schedule="cosine")) == 0.0


@pytest.mark.parametrize("name", ["adamw", "adam", "nadam", "radam", "rmsprop", "sgd"])
def test_only_matrices_decay(name):
    settings = TrainSettings(optimizer=name, lr=0.1, weight_decay=0.5)
    model = nn.LSTM(2, 3)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(model, settings)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for key, parameter in model.named_parameters():
        assert torch.equal(parameter, before[key]) == key.startswith("bias")


@pytest.mark.parametrize("name", ["adamw", "adam", "nadam", "radam", "rmsprop", "sgd"])
def test_the_step_is_torchs_own(name):
    settings = TrainSettings(
        optimizer=name, lr=0.03, momentum=0.9 if name in ("sgd", "rmsprop") else 0
    )
    torch_name = {"adamw": "AdamW", "nadam": "NAdam", "radam": "RAdam", "rmsprop": "RMSprop"}
    cls = getattr(torch.optim, torch_name.get(name, name.upper() if name == "sgd" else "Adam"))
    extra = {"momentum": 0.9} if settings.momentum else {}
    one, other = nn.Linear(3, 2).double(), nn.Linear(3, 2).double()
    other.load_state_dict(one.state_dict())
    mine = make_optimizer(one, settings)
    theirs = cls(other.parameters(), lr=0.03, weight_decay=0, foreach=False, **extra)
    for step in range(8):
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step), dtype=torch.float64)
        for model, optimizer in ((one, mine), (other, theirs)):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(one.weight, other.weight, rtol=1e-12, atol=1e-14)


def test_loading_keeps_the_dtype_that_torch_would_cast():
    model = nn.Linear(2, 2).double()
    optimizer = make_optimizer(model, TrainSettings(optimizer="nadam"))
    model(torch.ones(1, 2, dtype=torch.float64)).sum().backward()
    optimizer.step()
    saved = optimizer.state_dict()
    assert saved["state"][0]["mu_product"].dtype == torch.float32
    again = make_optimizer(model, TrainSettings(optimizer="nadam"))
    load_optimizer(again, saved)
    assert again.state[model.weight]["mu_product"].dtype == torch.float32
