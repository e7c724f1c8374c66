"""Forecasts by sample paths."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from elman.data import Columns, read_panel
from elman.errors import DataError, SettingsError
from elman.tasks import Forecast
from elman.tasks.forecast.autoregressive import DistributionHead, Next
from elman.tasks.forecast.history import read, view_of
from elman.tasks.forecast.rollout import Reading, Start
from elman.tasks.forecast.teacher_forcing import next_steps


def fitted(data: Any, **settings: Any) -> Forecast:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Forecast(**settings).fit(data, progress=False)


def test_a_path_is_read_as_a_series_is() -> None:
    """If a path is what came, its features are those of the series' history."""
    draw = np.random.default_rng(0)
    days = np.arange("2023-01-02", "2023-06-01", dtype="datetime64[D]")
    values = draw.normal(5, 3, (2, len(days)))
    table = {
        "ds": days,
        "a": values[0],
        "b": values[1],
        "price": draw.normal(size=len(days)),
        "size": np.full(len(days), 3.0),
    }
    columns = Columns(target=("a", "b"), future=("price",), static=("size",))
    panel = read_panel(table, columns)
    view = view_of(panel, 20, None)
    history = read(panel, panel.series[0], view)
    at = 100
    now = history.before + at
    past = slice(now + 1 - view.memory, now + 1)
    start = Start(
        torch.from_numpy(history.filled[None, past]),
        torch.from_numpy(history.scale[None, past]),
        torch.from_numpy(np.stack(history.level_at(at, view.decay))[:, None]),
        torch.from_numpy(history.off[None, at]),
        torch.from_numpy(history.extremes[None, at + 1]),
        torch.from_numpy(history.ahead[None, at + 1 : at + 21].astype(float)),
        torch.from_numpy(history.features[:1, -view.static :].astype(float)),
        torch.zeros(1, 4),
        (),
    )
    reading = Reading(view, start, paths=3)
    expected = next_steps(history, view, at, at + 21)
    for k in range(20):
        given = reading.next()
        for part, whole in zip(given, expected, strict=False):
            np.testing.assert_allclose(part[0, 1], whole[k], rtol=1e-6)
        came = torch.from_numpy(history.y[at + 1 + k]).expand(1, 3, 2)
        reading.read(came)
        np.testing.assert_allclose(
            reading.features()[0, 2], history.features[at + 1 + k], rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("kind", ["normal", "student_t", "negative_binomial"])
def test_a_new_head_says_what_the_last_rule_says(kind: str) -> None:
    head = DistributionHead(
        kind, 4, targets=2, rules=3, ahead=0, dropout=0.0, unit=torch.tensor([0.1, 0.2])
    )
    rules = torch.tensor([0.0, 0.0, 9.0]).expand(7, 2, 3) * 1.0
    level = [torch.full((7, 2), value) for value in (1.0, 2.0, 0.3, 0.5)]
    given = Next(rules, torch.zeros(7, 0), *level)
    law = head(torch.randn(7, 4), given)
    middle = law.mean if kind == "negative_binomial" else law.location
    assert middle.shape == (7, 2)
    assert (middle > 4).all()


@pytest.mark.slow
def test_paths_have_the_distribution_of_the_process() -> None:
    """An autoregressive process of order 1, whose forecasts are known: after k steps the mean is
    that of the last value times 0.8^k and the variance (1 - 0.64^k) / 0.36."""
    draw = np.random.default_rng(0)
    x = np.zeros(4000)
    for t in range(1, len(x)):
        x[t] = 0.8 * x[t - 1] + draw.normal()
    task = fitted(
        {"ds": range(4000), "y": x},
        head="normal",
        horizon=8,
        hidden_size=12,
        max_steps=400,
        held_out=1000,
    )
    table = task.sample_paths(paths=4000)
    assert list(table) == ["ds", "path", "y"]
    values = table["y"].reshape(4000, 8)
    k = np.arange(1, 9)
    np.testing.assert_allclose(values.mean(0), x[-1] * 0.8**k, atol=0.5)
    np.testing.assert_allclose(values.std(0), np.sqrt((1 - 0.64**k) / 0.36), rtol=0.15)
    together = np.corrcoef(values[:, 3], values[:, 4])[0, 1]
    assert together == pytest.approx(0.8 * np.sqrt((1 - 0.64**4) / (1 - 0.64**5)), abs=0.1)
    task.memory = replace(task.memory, calibration=None)
    found = task.backtest({"ds": range(4000), "y": x}, n_windows=248, step_size=4).metrics["model"]
    assert found["coverage_80"] == pytest.approx(0.8, abs=0.04)
    assert found["coverage_95"] == pytest.approx(0.95, abs=0.03)


@pytest.mark.slow
def test_targets_that_go_together_are_drawn_together() -> None:
    draw = np.random.default_rng(0)
    both = draw.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 1000)
    table = {"ds": range(1000), "a": 5 + both[:, 0], "b": -3 + 2 * both[:, 1]}
    task = fitted(
        table, head="student_t", target=("a", "b"), horizon=4, hidden_size=8, max_steps=200, lr=0.01
    )
    paths = task.sample_paths(paths=2000, h=2)
    assert np.corrcoef(paths["a"][::2], paths["b"][::2])[0, 1] == pytest.approx(0.9, abs=0.1)
    assert list(task.predict(level=[80]))[1:5] == ["a-mean", "a-median", "a-lo-80", "a-hi-80"]


@pytest.fixture(scope="module")
def counts() -> Forecast:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], 150),
            "ds": np.tile(np.arange(150), 2),
            "y": draw.poisson(3, 300),
        }
    )
    return fitted(frame, head="negative_binomial", horizon=6, season=7, max_steps=20, hidden_size=8)


def test_counts_beyond_the_horizon(counts: Forecast) -> None:
    found = counts.sample_paths(h=15, paths=30)
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["unique_id", "ds", "path", "y"]
    assert len(found) == 2 * 30 * 15
    assert (found["y"] == found["y"].round()).all()
    assert (found["y"] >= 0).all()
    assert found["y"].mean() == pytest.approx(3, abs=1.5)
    assert found.groupby(["unique_id", "path"]).size().eq(15).all()
    assert counts.predict(h=15)["ds"].max() == 164
    near, far = counts.forecasts(h=6).quantiles, counts.forecasts(h=15).quantiles
    np.testing.assert_array_equal(near, far[:, :6])


def test_a_count_that_stands_out(counts: Forecast) -> None:
    y = np.random.default_rng(1).poisson(3, 150)
    y[90] = 40
    found = counts.anomalies({"unique_id": ["a"] * 150, "ds": range(150), "y": y})
    scores = np.array(found["score"])
    assert np.isnan(scores[:7]).all()
    assert np.nanargmax(scores) == 90
    assert scores[90] > 3


def test_draws_repeat_and_do_not_depend_on_the_other_series(counts: Forecast) -> None:
    one, two = counts.sample_paths(paths=20), counts.sample_paths(paths=20)
    pd.testing.assert_frame_equal(one, two)
    assert (counts.sample_paths(paths=20, seed=1)["y"] != one["y"]).any()
    a, b = (one.loc[one["unique_id"] == name, "y"].to_numpy() for name in "ab")
    assert (a != b).any()
    memory = counts.memory
    counts.memory = memory.of(["b"])
    try:
        alone = counts.sample_paths(paths=20)["y"].to_numpy()
    finally:
        counts.memory = memory
    np.testing.assert_array_equal(alone, b)


def test_bad_questions(counts: Forecast) -> None:
    with pytest.raises(SettingsError, match="h=0: a whole number from 1"):
        counts.predict(h=0)
    with pytest.raises(SettingsError, match="paths=0: a whole number from 1"):
        counts.sample_paths(paths=0)
    with pytest.raises(SettingsError, match="visits cannot be known: make it a target"):
        Forecast(head="normal", past="visits")
    with pytest.raises(SettingsError, match="head: Input should be 'quantiles', 'student_t'"):
        Forecast(head="poisson")


@pytest.mark.parametrize(("value", "shown"), [(2.5, "2.5"), (-1.0, "-1")])
def test_counts_must_be_counts(value: float, shown: str) -> None:
    y = np.ones(100)
    y[60] = value
    message = f"negative_binomial.* is of counts, and y is {shown} in the series y"
    with pytest.raises(DataError, match=message):
        Forecast(head="negative_binomial", horizon=3).fit({"ds": range(100), "y": y})
