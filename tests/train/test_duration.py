"""How long a step takes, tried on batches from all over an epoch."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from elman.train import Step, TrainSettings, duration
from elman.train.duration import seconds_a_step


class Longer:
    """Batches that take longer and longer: batch i is i seconds of a clock."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def epoch(self, e: int, start: int = 0) -> Iterator[float]:
        yield from map(float, range(start, self.count))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 40, 1001])
def test_batches_in_order_of_length(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(duration.time, "monotonic", lambda: now)
    model = nn.Linear(1, 1)
    before = model.weight.clone()

    def loss(model: Any, seconds: float, state: Any) -> Step:
        nonlocal now
        now += seconds
        return Step(model.weight.square().sum(), 1, state)

    found = seconds_a_step(model, Longer(count), loss, TrainSettings())
    mean = (count - 1) / 2
    assert found == pytest.approx(mean, rel=0.15, abs=1)
    assert torch.equal(model.weight, before)
