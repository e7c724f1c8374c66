"""Schedules against closed forms; which parameters decay."""

import math

import pytest
import torch
from torch import nn

from elman.train import TrainSettings
from elman.train.optim import (
    ParameterGroup,
    freeze,
    load_optimizer,
    make_optimizer,
    rate,
    set_rate,
)

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


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_groups_learn_at_their_rate_and_frozen_ones_not_at_all(name):
    lower, upper, head = (nn.Linear(2, 2) for _ in range(3))
    groups = [
        ParameterGroup([*lower.parameters()], rate=0.25, frozen=0.5),
        ParameterGroup([*upper.parameters()], rate=0.5),
    ]
    model = nn.Sequential(lower, upper, head)
    settings = TrainSettings(lr=0.1, optimizer=name, weight_decay=0.5)
    optimizer = make_optimizer(model, settings, groups)
    assert {id(p) for g in optimizer.param_groups for p in g["params"]} == {
        id(p) for p in model.parameters()
    }
    before = [p.detach().clone() for p in model.parameters()]
    for share in (0.0, 0.49):
        model(torch.ones(1, 2)).sum().backward()
        freeze(optimizer, share)
        set_rate(optimizer, 0.1)
        optimizer.step()
    moved = [not torch.equal(*each) for each in zip(model.parameters(), before, strict=True)]
    assert moved == [False, False, True, True, True, True]
    assert not any(optimizer.state.get(p) for p in lower.parameters())
    rates = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    assert [rates[id(each.bias)] for each in (lower, upper, head)] == [0.025, 0.05, 0.1]
    model(torch.ones(1, 2)).sum().backward()
    freeze(optimizer, 0.5)
    optimizer.step()
    assert not torch.equal(lower.weight, before[0])
