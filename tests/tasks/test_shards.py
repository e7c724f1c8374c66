"""The batches of every task divided into shards: none of their numbers is lost or changed."""

from typing import Any

import pytest
import torch
from small_tasks import MADE, SMALL

from elman.tasks import Classify, Forecast, Translate
from elman.tasks.ensemble import networks
from elman.tasks.training import Training
from elman.train.shards import shard_of

WORDS = {"one": "un", "two": "deux", "three": "trois", "red": "rouge", "cat": "chat"}
PAIRS = [(f"{a} {b}", f"{WORDS[a]} {WORDS[b]}") for a in WORDS for b in WORDS]
TASKS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    **{name: (kind, options, data) for name, (kind, options, data, _) in MADE.items()},
    "translate": (Translate, {"batch_size": 24, "embedding_size": 6}, PAIRS),
    "weighted": (
        Classify,
        {"class_weights": "balanced"},
        (["good", "bad", "bad film"] * 4, list("+--") * 4),
    ),
    "words": (Classify, {"tokens": "words", "ngram_buckets": 50}, MADE["classify"][2]),
    "autoregressive": (Forecast, {"horizon": 3, "head": "normal"}, MADE["forecast"][2]),
    "transducer": (
        MADE["speech"][0],
        {**MADE["speech"][1], "loss": "transducer"},
        MADE["speech"][2],
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_shards_weighted_by_their_losses_give_the_gradient_of_the_batch(name: str) -> None:
    kind, options, data = TASKS[name]
    task = kind(**{**SMALL, "batch_size": 5, **options})
    training = Training(task, None, data, None)
    (model,) = networks(task.model)
    model.eval()  # without dropout
    batch = next(training.batches.epoch(0))

    torch.manual_seed(0)
    whole = task.loss(model, batch, None)
    expected = gradient(model, whole.loss)
    weight = float(whole.count if whole.weight is None else whole.weight)
    for count in (1, 2, 3, 7):
        total, weights, counts = torch.zeros_like(expected), 0.0, 0
        for number in range(count):
            shard = shard_of(batch, number, count)
            if shard is None:
                continue
            torch.manual_seed(0)
            step = task.loss(model, shard, None)
            own = float(step.count if step.weight is None else step.weight)
            total += own * gradient(model, step.loss)
            weights, counts = weights + own, counts + step.count
        assert counts == whole.count
        assert weights == pytest.approx(weight)
        torch.testing.assert_close(total / weights, expected, rtol=1e-4, atol=1e-6)
    assert expected.abs().max() > 1e-4


def gradient(model: torch.nn.Module, loss: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
