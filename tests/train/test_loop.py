"""The fit loop against hand counts: clipping, averages, early stopping, the log."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from elman.errors import SettingsError
from elman.train import Step, TrainSettings, fit


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


PLAIN = {"optimizer": "sgd", "lr": 1.0, "schedule": "constant", "epochs": 1, "log_every": 1}


def test_clipped_share_and_steps_against_a_hand_count():
    model = Pull()
    values = [0.5, 3.0, -1.0, -4.0, 2.0]
    result = fit(
        model, Given(values), pull, settings=TrainSettings(**PLAIN, clip=1.0), progress=False
    )
    assert result.clipped == 3 / 5
    assert model.w.item() == pytest.approx(-(0.5 + 1.0 - 1.0 - 1.0 + 1.0), abs=1e-5)
    model = Pull()
    result = fit(
        model, Given(values), pull, settings=TrainSettings(**PLAIN, clip=None), progress=False
    )
    assert result.clipped == 0
    assert model.w.item() == -0.5


def test_ema_is_what_is_evaluated_and_kept():
    values = [1.0, 2.0, 3.0, 4.0]
    seen = []

    def look(model):
        seen.append(model.w.item())
        return {"loss": -model.w.item()}

    settings = TrainSettings(**PLAIN, clip=None, ema=0.25, evaluate_every=1)
    model = Pull()
    result = fit(
        model, Given([-v for v in values]), pull, settings=settings, evaluate=look, progress=False
    )
    weight, average, expected = 0.0, 0.0, []
    for n, value in enumerate(values):
        weight += value
        decay = min(0.25, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * weight
        expected.append(average)
    assert seen == pytest.approx(expected)
    assert model.w.item() == pytest.approx(expected[-1])
    assert result.best == pytest.approx(-expected[-1])
    model = Pull()
    fit(model, Given([-v for v in values]), pull, settings=settings, progress=False)
    assert model.w.item() == pytest.approx(expected[-1])


def scripted(values: list[float], name: str = "accuracy"):
    left = iter(values)
    return lambda model: {name: next(left)}


def test_patience_counts_evaluations_without_improvement():
    values = [0.1, 0.3, 0.2, 0.3, float("nan"), 0.9]
    settings = TrainSettings(**{**PLAIN, "epochs": 9}, patience=3)
    model = Pull()
    result = fit(
        model,
        Given([-1.0, -1.0]),
        pull,
        settings=settings,
        evaluate=scripted(values),
        progress=False,
    )
    assert result.stopped_because == "patience"
    assert (result.best, result.best_step, result.step) == (0.3, 8, 10)
    assert model.w.item() == 8.0
    assert [entry["step"] for entry in result.history] == [2, 4, 6, 8, 10]


def test_later_weights_within_the_standard_error_of_the_best_are_kept():
    errors = iter([0.5, 0.3, 0.34, 0.37, 0.36, 0.39])
    model = Pull()
    result = fit(
        model,
        Given([-1.0, -1.0]),
        pull,
        settings=TrainSettings(**{**PLAIN, "epochs": 6}),
        evaluate=lambda model: {"error": next(errors), "standard_error": 0.05},
        metric="error",
        progress=False,
    )
    assert (result.best, result.best_step, result.step) == (0.3, 6, 12)
    assert model.w.item() == 6.0


def test_a_falling_loss_counts_as_progress_while_the_metric_stands_still():
    losses = iter([5.0, 4.0, 3.0, 3.5, 3.0, 3.5])
    settings = TrainSettings(**{**PLAIN, "epochs": 9}, patience=3)
    model = Pull()
    result = fit(
        model,
        Given([-1.0, -1.0]),
        pull,
        settings=settings,
        evaluate=lambda model: {"cer": 1.0, "loss": next(losses)},
        metric="cer",
        progress=False,
    )
    assert (result.stopped_because, result.best, result.best_step) == ("patience", 1.0, 10)
    assert result.step == 12
    assert model.w.item() == 10.0


def test_plateau_halves_the_rate_after_two_evaluations(tmp_path):
    values = [1.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.6, 0.6, 0.6]
    settings = TrainSettings(**{**PLAIN, "epochs": 9, "schedule": "plateau"})
    fit(
        Pull(),
        Given([0.0]),
        pull,
        settings=settings,
        folder=tmp_path,
        evaluate=scripted(values, "loss"),
        progress=False,
    )
    rates = [line["lr"] for line in read_log(tmp_path) if line["kind"] == "train"]
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def read_log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_max_steps_stops_within_an_epoch_and_evaluates_once_more():
    settings = TrainSettings(**{**PLAIN, "epochs": 5}, max_steps=7)
    result = fit(
        Pull(),
        Given([0.0] * 4),
        pull,
        settings=settings,
        evaluate=scripted([0.5, 0.6]),
        progress=False,
    )
    assert (result.step, result.stopped_because) == (7, "finished")
    assert [entry["epoch"] for entry in result.history] == [1.0, 1.75]


def test_metrics_log(tmp_path):
    settings = TrainSettings(**{**PLAIN, "log_every": 2, "clip": 1.0})
    fit(
        Pull(1.0),
        Given([0.5, 2.0, 1.0, 0.0]),
        pull,
        settings=settings,
        folder=tmp_path,
        evaluate=lambda model: {"loss": float("inf"), "accuracy": model.w.item()},
        metric="accuracy",
        progress=False,
    )
    first, second, last = read_log(tmp_path)
    assert first.pop("seconds") >= 0
    assert first == {
        "kind": "train", "step": 2, "epoch": 0.5, "loss": (0.5 + 2.0 * 0.5) / 2, "lr": 1.0,
        "norm": 2.0, "clipped": 0.5, "seen": 2,
    }  # fmt: skip
    assert second["step"] == 4
    assert last["kind"] == "evaluation"
    assert last["loss"] is None
    assert last["accuracy"] == pytest.approx(-1.5, abs=1e-5)
    assert last["best"] is True


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(Pull(), Given([0.0]), pull, settings=TrainSettings(epochs=1), progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "keywords", "message"),
    [
        ({"patience": 2}, {}, "patience=2 needs a metric"),
        ({"schedule": "plateau"}, {}, "plateau.*needs a metric"),
        ({"tensorboard": True}, {}, "needs a folder"),
        ({}, {"resume": True}, "needs the folder"),
        ({}, {"batches": Given([])}, r"len\(batches\) is 0"),
        ({}, {"evaluate": dict, "metric": "joy"}, "maximize=True or False"),
        ({}, {"evaluate": lambda model: {"a": 1, "b": 2}}, "gave 'a', 'b': pass metric="),
        ({}, {"evaluate": lambda model: {"b": 2}, "metric": "loss"}, "metric='loss' is not.* 'b'"),
        ({"device": "cuda:63"}, {}, "torch finds .* CUDA devices"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(changes, keywords, message):
    keywords = {"batches": Given([0.0]), **keywords}
    with pytest.raises(SettingsError, match=message):
        fit(
            Pull(),
            loss=pull,
            settings=TrainSettings(epochs=1, **changes),
            progress=False,
            **keywords,
        )


def test_loss_of_the_wrong_shape_and_frozen_models_are_refused():
    with pytest.raises(SettingsError, match=r"scalar, not of shape \(1,\)"):
        fit(
            Pull(),
            Given([1.0]),
            lambda m, b, s: Step(m.w, 1),
            settings=TrainSettings(),
            progress=False,
        )
    with pytest.raises(SettingsError, match="no parameter"):
        fit(
            Pull().requires_grad_(False),
            Given([1.0]),
            pull,
            settings=TrainSettings(),
            progress=False,
        )


@pytest.mark.parametrize(("batches", "steps"), [(3, 300), (30, 1020), (250, 1250)])
def test_small_data_is_passed_over_more_often_unless_told(batches, steps):
    settings = TrainSettings(lr=1e-9, optimizer="sgd")
    result = fit(Pull(), Given([1.0] * batches), pull, settings=settings, progress=False)
    assert result.step == steps
