"""Which forecasts stop at 0: those of series that never were below it, or as it is set."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import DataError
from elman.tasks import Forecast
from elman.tasks.forecast import backtest

DAYS = np.arange("2024-01-01", "2024-05-01", dtype="datetime64[D]")
SETTINGS: dict[str, Any] = {"horizon": 3, "hidden_size": 8, "max_steps": 30, "batch_size": 8}
HEADS: list[dict[str, Any]] = [
    {},
    {"head": "student_t", "paths": 40},
    {"head": "normal", "paths": 40},
]


@pytest.fixture(autouse=True)
def _no_slow_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the forecasts stand only rules that take no time."""
    monkeypatch.setattr(backtest, "_MOST_SLOW", 0)


def noise(place: float, spread: float = 1.0) -> np.ndarray:
    return place + spread * np.random.default_rng(0).normal(size=len(DAYS))


def table(**series: Any) -> dict[str, Any]:
    n = len(DAYS)
    return {
        "unique_id": [name for name in series for _ in range(n)],
        "ds": np.tile(DAYS, len(series)),
        "y": np.concatenate(list(series.values())),
    }


def fitted(data: Any, **settings: Any) -> Forecast:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "on the held-out steps")
        return Forecast(**{**SETTINGS, **settings}).fit(data, progress=False)


def rare() -> np.ndarray:
    return np.random.default_rng(1).poisson(0.3, len(DAYS)).astype(float)


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_a_series_below_0_is_forecast_there_whatever_training_had(head: dict[str, Any]) -> None:
    task = fitted(table(summer=noise(20)), **head)
    winter = table(winter=noise(-20))
    found = task.predict(winter)
    assert (found["median"] < -10).all()
    assert (found["lo-95"] < found["hi-95"]).all()
    assert (task.sample_paths(winter, paths=20)["y"] < 0).all()
    assert task.backtest(winter, n_windows=10).metrics["model"]["coverage_95"] > 0.5
    assert (np.array(task.cross_validation(winter, n_windows=3)["elman"]) < -10).all()


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_a_negative_series_takes_no_floor_from_others(head: dict[str, Any]) -> None:
    task = fitted(table(frost=noise(-20), sold=rare()), **head)
    found = task.predict()
    assert np.min(found["lo-95"][3:]) == 0
    assert np.max(found["median"][:3]) < 0
    assert task.sample_paths(paths=40)["y"][120:].min() == 0
    windows = task.cross_validation(table(sold=rare()), n_windows=3)
    assert np.min(windows["elman-lo-95"]) == 0


def test_the_floor_falls_with_the_first_value_below_it(tmp_path: Path) -> None:
    """Also after saving, and in a backtest from then on alone."""
    values = noise(2.0, 0.5)
    values[:60] = np.abs(values[:60])
    task = fitted(table(a=values[:]))
    later = np.arange("2024-05-01", "2024-05-11", dtype="datetime64[D]")
    task.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    for each in (task, loaded):
        assert each.memory.known["a"].tail.extremes[0, 0] == 0
        each.update({"unique_id": ["a"] * 10, "ds": later, "y": -np.arange(1.0, 11)})
        assert np.min(each.predict()["median"]) < 0
    falling = np.concatenate([noise(2.0, 0.1)[:-10], -np.arange(1.0, 11)])
    windows = task.cross_validation(table(b=falling), n_windows=12, step_size=1)
    lowest = np.array(windows["elman-lo-95"]).reshape(12, 3).min(1)
    cutoffs = np.array(windows["cutoff"]).reshape(12, 3)[:, 0]
    early = cutoffs < np.datetime64("2024-04-21")
    assert early.any()
    assert (lowest[early] >= 0).all()
    assert (lowest[~early] < 0).any()


def test_targets_have_floors_of_their_own() -> None:
    data = {"ds": DAYS, "sold": rare(), "frost": noise(-5)}
    found = fitted(data, target=("sold", "frost")).predict()
    assert np.min(found["sold-lo-95"]) == 0
    assert np.max(found["frost-median"]) < 0


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_never_negative_is_a_setting(head: dict[str, Any]) -> None:
    data = table(sold=rare())
    below = fitted(data, nonnegative=False, **head)
    assert np.min(below.predict()["lo-95"]) < 0
    with pytest.raises(DataError, match=r"nonnegative is set, and y is -\d.* in the series frost"):
        fitted(table(frost=noise(-20)), nonnegative=True, **head)
    always = fitted(data, nonnegative=True, **head)
    assert np.min(always.predict()["lo-95"]) == 0
    with pytest.raises(DataError, match="nonnegative is set"):
        always.predict(table(frost=noise(-20)))


def test_counts_are_counts_wherever_they_come() -> None:
    task = fitted(table(sold=rare()), head="negative_binomial", paths=40)
    assert np.min(task.predict()["lo-95"]) >= 0
    later = {"unique_id": ["sold"], "ds": ["2024-05-01"]}
    for wrong in (-1.0, 0.5):
        with pytest.raises(DataError, match=f"is of counts, and y is {wrong:g} in the series sold"):
            task.update({**later, "y": [wrong]})
        with pytest.raises(DataError, match="is of counts"):
            task.predict(table(sold=rare() + wrong))


def test_a_model_saved_without_extremes_finds_them_in_what_it_knows(tmp_path: Path) -> None:
    from elman.tasks.forecast.bounds import extremes_from

    task = fitted(table(frost=noise(-20), sold=rare(), mixed=noise(0.0)))
    for known in task.memory.known.values():
        tail = {"filled": known.tail.filled, "level": np.stack(known.tail.level)}
        found = extremes_from(tail, None)
        assert ((found[0] < 0) == (known.tail.extremes[0] < 0)).all()
        assert (extremes_from(tail, True)[0] == 0).all()
