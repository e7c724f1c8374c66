"""Forecasts of c times a series are c times its forecasts, whatever the unit."""

import warnings
from typing import Any

import numpy as np
import pytest

from elman.tasks import Forecast
from elman.tasks.forecast import backtest, baselines

DAYS = np.arange("2024-01-01", "2024-06-01", dtype="datetime64[D]")
SETTINGS: dict[str, Any] = {
    "horizon": 4, "hidden_size": 8, "max_steps": 20, "batch_size": 8, "season": 7
}  # fmt: skip


def table(factor: float = 1.0, *, idle: int = 0) -> dict[str, Any]:
    """Two series that are as large as each other, one of them 0 at first."""
    draw = np.random.default_rng(0)
    n = len(DAYS)
    y = np.concatenate([20 + 5 * np.sin(np.arange(n)) + draw.normal(size=n), draw.normal(size=n)])
    y[n : n + idle] = 0
    return {
        "unique_id": ["a"] * n + ["b"] * n,
        "ds": np.concatenate([DAYS, DAYS]),
        "y": factor * y,
        "load": factor * np.roll(y, 1),
    }


def fitted(data: Any, **settings: Any) -> Forecast:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "on the held-out steps")
        return Forecast(**{**SETTINGS, **settings}).fit(data, progress=False)


FORMS: dict[str, dict[str, Any]] = {
    "quantiles": {"past": "load"},
    "student_t": {"head": "student_t", "paths": 20},
    "smoothed": {"smoothing": True},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e300])
def test_forecasts_follow_the_unit(form: str, factor: float) -> None:
    one, other = (fitted(table(f), **FORMS[form]) for f in (1.0, factor))
    found, expected = other.forecasts().quantiles / factor, one.forecasts().quantiles
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-2)
    # A network is the same for any unit, so that it forecasts the other's series as well.
    rows = {**table(factor), "load": table()["load"]}
    again = one.forecasts(rows).quantiles / factor
    np.testing.assert_allclose(again, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e300])
def test_all_that_is_said_of_a_series_follows_the_unit(
    factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "_MOST_SLOW", 0)
    task = fitted(table())
    plain, scaled = table(), table(factor)
    one, other = (task.backtest(each, n_windows=5) for each in (plain, scaled))
    for name, metrics in one.metrics.items():
        for metric, value in metrics.items():
            unit = factor if metric in ("mae", "rmse") else 1
            assert other.metrics[name][metric] == pytest.approx(unit * value, rel=1e-3)
    assert other.against["naive"] == pytest.approx(one.against["naive"], rel=1e-3)
    scores = [task.anomalies(each)["score"] for each in (plain, scaled)]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-3)
    paths = [task.sample_paths(each, paths=5)["y"] for each in (plain, scaled)]
    np.testing.assert_allclose(paths[1] / factor, paths[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e300])
def test_fitted_rules_follow_the_unit(factor: float) -> None:
    history = table()["y"][:60]
    for rule in (baselines.ets, baselines.arima):
        expected = rule(history, 3, 7)
        np.testing.assert_allclose(rule(factor * history, 3, 7) / factor, expected, rtol=5e-2)


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_a_series_that_is_0_at_first_follows_the_unit(factor: float) -> None:
    one, other = (fitted(table(f, idle=60)) for f in (1.0, factor))
    found, expected = other.forecasts().quantiles / factor, one.forecasts().quantiles
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-2)


def test_a_series_of_zeros_is_forecast_as_zeros() -> None:
    data = table()
    nothing = {**data, "y": np.zeros(len(data["ds"]))}
    for form in FORMS.values():
        task = fitted(data, **{name: v for name, v in form.items() if name != "past"})
        quantiles = task.forecasts(nothing).quantiles
        assert np.isfinite(quantiles).all()
        assert np.abs(quantiles).max() < 1e-300


def test_a_constant_covariate_says_nothing() -> None:
    """Its deviation is one of rounding, by which nothing can be measured."""
    data = table()
    constant = {**data, "load": np.full(len(data["ds"]), 0.1)}
    task = fitted(constant, past="load")
    changed = {**constant, "load": np.full(len(data["ds"]), 0.2)}
    found = task.forecasts(changed).quantiles
    assert np.abs(found - task.forecasts().quantiles).max() < 10
