"""Metrics, simple rules, calibration and the comparison, against values worked by hand."""

import numpy as np
import pytest

from elman.data import read_panel
from elman.tasks.forecast import baselines, metrics
from elman.tasks.forecast.conformal import Calibration
from elman.tasks.forecast.diebold_mariano import diebold_mariano


def test_errors_by_hand() -> None:
    history = np.array([10.0, 20.0, 12.0, 24.0])
    found = metrics.errors(np.array([10.0, 30.0]), np.array([14.0, 26.0]), history, 2)
    assert found["mae"] == 4
    assert found["rmse"] == 4
    assert found["smape"] == pytest.approx(200 * (4 / 24 + 4 / 56) / 2)
    assert found["mase"] == pytest.approx(4 / 3)  # the changes over a season: 2 and 4
    partly = metrics.errors(np.array([10.0, 30.0]), np.array([14.0, np.nan]), history, 2)
    assert partly["mae"] == 4


def test_a_constant_history_has_no_scale() -> None:
    found = metrics.errors(np.ones(2), np.zeros(2), np.ones(5), 1)
    assert np.isnan(found["mase"])
    assert metrics.mean_of([found, {**found, "mase": 2.0}])["mase"] == 2


def test_crps_of_one_sample_is_the_absolute_error() -> None:
    assert metrics.crps(np.array([[1.0, 5.0]]), np.array([2.0, 2.0])) == 2


@pytest.mark.data
@pytest.mark.usefixtures("dataset_root")
@pytest.mark.parametrize(
    ("rule", "smape", "mase"),
    [("naive2", 18.383, 2.395), ("naive", 43.003, 11.608)],
)
def test_the_competitions_published_figures(rule: str, smape: float, mase: float) -> None:
    before, after = read_panel("fc_m4_hourly:train"), read_panel("fc_m4_hourly:test")
    make = getattr(baselines, rule)
    found = metrics.mean_of(
        [
            metrics.errors(make(b.y[:, 0], 48, 24), a.y[:, 0], b.y[:, 0], 24)
            for b, a in zip(before.series, after.series, strict=True)
        ]
    )
    assert found["smape"] == pytest.approx(smape, abs=6e-4)
    assert found["mase"] == pytest.approx(mase, abs=6e-4)


@pytest.mark.parametrize("rule", [baselines.ets, baselines.arima])
def test_a_trend_with_a_season_is_followed(rule: baselines.Rule) -> None:
    t = np.arange(72)
    history = (50 + t) * (1 + 0.2 * np.sin(2 * np.pi * t / 12))
    expected = (50 + np.arange(72, 84)) * (1 + 0.2 * np.sin(2 * np.pi * np.arange(72, 84) / 12))
    off = np.abs(rule(history, 12, 12) - expected).mean()
    assert off < 0.3 * np.abs(baselines.seasonal_naive(history, 12, 12) - expected).mean()


def test_arima_of_values_below_zero_and_without_a_season() -> None:
    """ARIMA (0, 1, 1) is exponential smoothing: a level line."""
    found = baselines.arima(np.random.default_rng(0).normal(size=60), 5, 24)
    assert np.ptp(found) < 1e-9
    assert abs(found[0]) < 0.5


def test_the_rules_by_name() -> None:
    assert set(baselines.rules()) == {"naive", "seasonal_naive", "drift", "ets", "arima"}


def test_diebold_mariano_sees_a_better_forecast_and_none_in_noise() -> None:
    draw = np.random.default_rng(0)
    losses = np.abs(draw.normal(size=(2, 400)))
    statistic, p = diebold_mariano(losses[0], losses[0] + 0.2 + 0.1 * losses[1])
    assert statistic < -10
    assert p < 1e-6
    assert diebold_mariano(losses[0], losses[1], horizon=3)[1] > 0.05
    assert diebold_mariano(losses[0], losses[0]) == (0.0, 1.0)


def test_a_variance_that_comes_out_negative_makes_no_certainty() -> None:
    """Gains that go up and down have autocovariances whose sum is below 0."""
    gain = np.array([0.5, -0.2, 0.6, -0.3, 0.5, -0.1])
    statistic, p = diebold_mariano(gain, np.zeros(6), horizon=2)
    assert 0 < statistic < np.inf
    assert 0.01 < p < 1
    assert diebold_mariano(np.ones(6), np.zeros(6), horizon=2) == (np.inf, 0.0)


def test_the_p_value_is_students() -> None:
    from scipy.stats import t

    gain = np.array([0.3, -0.1, 0.4, 0.2, -0.3, 0.6, 0.1])
    statistic, p = diebold_mariano(gain, np.zeros(7))
    expected = gain.mean() / np.sqrt(gain.var() / 7) * np.sqrt(6 / 7)
    assert statistic == pytest.approx(expected)
    assert p == pytest.approx(2 * t.sf(abs(expected), 6), abs=1e-9)


def test_calibrated_intervals_hold_what_they_promise() -> None:
    draw = np.random.default_rng(1)
    levels = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    quantiles = np.zeros((800, 3, 1, 7)) + np.linspace(-0.5, 0.5, 7)  # far too narrow
    actual = draw.normal(size=(800, 3, 1)) * np.array([1, 2, 3]).reshape(3, 1)
    moved = Calibration.of(quantiles[:400], actual[:400], levels).apply(quantiles[400:])
    for pair, wanted in ((0, 0.95), (1, 0.8), (2, 0.5)):
        for step in range(3):
            part = moved[:, step : step + 1], actual[400:, step : step + 1]
            held = metrics.coverage(part[0][..., pair], part[0][..., -1 - pair], part[1])
            assert held == pytest.approx(wanted, abs=0.06)
    assert (np.diff(moved, axis=-1) >= 0).all()


def test_few_forecasts_share_one_widening() -> None:
    quantiles = np.zeros((2, 4, 1, 3))
    actual = np.arange(8.0).reshape(2, 4, 1)
    assert len(np.unique(Calibration.of(quantiles, actual, (0.1, 0.5, 0.9)).widening)) == 1
