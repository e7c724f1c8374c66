"""A forecaster as the base sees it: preprocessing, batches, outputs, metrics, predictions."""

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import sales

from elman.errors import SettingsError
from elman.tasks import Forecast
from elman.tasks.prediction import Evaluation, Prediction
from elman.train.inference import infer

SMALL: dict[str, Any] = {"horizon": 3, "hidden_size": 4, "max_steps": 3, "device": "cpu"}


def fitted(**settings: Any) -> Forecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Forecast(**SMALL, **settings).fit(sales("2024-01-01"), progress=False)


@pytest.fixture(scope="module", params=["quantiles", "normal"])
def task(request: pytest.FixtureRequest) -> Forecast:
    return fitted(head=request.param)


def test_preprocessing_and_memory_are_frozen(task: Forecast) -> None:
    before = task.memory
    for part, name in ((task.preprocessing, "view"), (before, "known")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, name, None)
    task.update(sales("2024-03-01", days=2))
    position = before.known["a"].tail.position
    assert task.memory.known["a"].tail.position == position + 2
    assert before.known["a"].tail.position == position
    task.memory = before


def test_the_loss_of_held_out_steps_is_that_of_the_best_weights(task: Forecast) -> None:
    train, held_out = task.split(task.read(sales("2024-01-01"), labelled=True))
    assert len(train) == len(held_out) == 2
    batches = task.batches(task.preprocessing, held_out, training=False)
    outputs = infer(task.model, batches, task.outputs)
    found = task.metrics(outputs, task.preprocessing, held_out)["loss"]
    assert found == pytest.approx(task.record["metrics"]["loss"], abs=1e-6)


def test_the_log_likelihood_of_each_series_is_its_own() -> None:
    task = fitted(head="student_t")
    _, both = task.split(task.read(sales("2024-01-01"), labelled=True))
    together = infer(
        task.model, task.batches(task.preprocessing, both, training=False), task.outputs
    )
    for i, series in enumerate(both.panel.series):
        panel = dataclasses.replace(both.panel, series=(series,))
        one = dataclasses.replace(both, panel=panel)
        batches = task.batches(task.preprocessing, one, training=False)
        (alone,) = infer(task.model, batches, task.outputs)
        torch.testing.assert_close(alone, together[i])


def test_a_prediction_of_each_series(task: Forecast) -> None:
    data = sales("2024-01-01", "ba", days=40)
    found = task.predictions(data, h=2, level=[80])
    assert [each.input for each in found] == ["b", "a"]
    table = task.predict(data, h=2, level=[80])
    for i, each in enumerate(found):
        assert isinstance(each, Prediction)
        assert list(each.value) == ["ds", "mean", "median", "lo-80", "hi-80"]
        for name, values in each.value.items():
            np.testing.assert_array_equal(values, np.asarray(table[name])[2 * i : 2 * i + 2])
    known = task.predictions(h=1)
    assert [each.input for each in known] == ["a", "b"]
    np.testing.assert_allclose(
        [each.value["median"][0] for each in known], task.predict(h=1)["median"]
    )
    with pytest.raises(SettingsError, match="steps: the options are h, level and future"):
        task.predictions(data, steps=2)


def test_a_report_has_the_baselines_beside_the_metrics(task: Forecast) -> None:
    data = sales("2024-01-01", "a")
    report = task.report(data)
    assert isinstance(report, Evaluation)
    assert report.metrics == task.evaluate(data) == report.backtest.metrics["model"]
    assert {"naive", "seasonal_naive", "drift"} <= set(report.baselines)
    assert "model" not in report.baselines
    assert set(report.baselines["naive"]) <= set(report.metrics)


def test_a_fit_takes_no_validation_data() -> None:
    with pytest.raises(SettingsError, match="validation cannot be given"):
        Forecast(**SMALL).fit(sales("2024-01-01"), sales("2024-01-01"), progress=False)
