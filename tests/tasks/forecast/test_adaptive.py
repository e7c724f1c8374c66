"""Intervals that learn from their misses: what they hold, and that they see no future."""

import numpy as np
import pytest

from elman.tasks.forecast.adaptive import begin, follow, lags, widened
from elman.tasks.forecast.settings import QUANTILES

NORMAL = np.array([-1.96, -1.2816, -0.6745, 0, 0.6745, 1.2816, 1.96])  # the quantiles' own


def forecasts(count: int, horizon: int) -> np.ndarray:
    return np.tile(NORMAL, (count, horizon, 1, 1))


@pytest.mark.parametrize(("spread", "horizon"), [(3.0, 1), (0.3, 1), (3.0, 6), (0.3, 6)])
def test_intervals_hold_what_they_promise_though_the_series_changed(
    spread: float, horizon: int
) -> None:
    """Without learning, those of 80 % would hold 33 % or 99.99 % of values."""
    came = spread * np.random.default_rng(0).normal(size=(1500, 1))
    factors, _ = follow(begin(horizon, 1), forecasts(1500, horizon), came)
    for pair, wanted in ((0, 0.95), (1, 0.8), (2, 0.5)):
        for lag in (1, horizon):
            at = slice(100, 1500 - lag)
            made = widened(forecasts(1500, horizon), factors)[at, lag - 1, 0]
            actual = came[100 + lag :, 0]
            held = ((made[:, pair] <= actual) & (actual <= made[:, -1 - pair])).mean()
            assert held == pytest.approx(wanted, abs=0.025)


def test_reading_in_pieces_is_as_reading_at_once() -> None:
    draw = np.random.default_rng(1)
    quantiles, came = forecasts(60, 5) + draw.normal(size=(60, 1, 1, 1)), draw.normal(size=(60, 1))
    whole, end = follow(begin(5, 1), quantiles, came)
    track, parts = begin(5, 1), []
    for first, last in ((0, 1), (1, 3), (3, 40), (40, 60)):
        found, track = follow(track, quantiles[first:last], came[first:last])
        parts.append(found)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(track.pending, end.pending)
    assert len(end.pending) == sum(lags(5))


def test_a_step_knows_nothing_of_those_after_it() -> None:
    draw = np.random.default_rng(2)
    quantiles, came = forecasts(60, 3), draw.normal(size=(60, 1))
    changed = came.copy()
    changed[30:] = 1e6
    one, two = follow(begin(3, 1), quantiles, came)[0], follow(begin(3, 1), quantiles, changed)[0]
    np.testing.assert_array_equal(one[:30], two[:30])
    assert (two[-1] > one[-1]).all()


def test_nothing_is_learnt_where_nothing_is_known() -> None:
    came = np.full((9, 2), np.nan)
    quantiles = np.tile(NORMAL, (9, 4, 2, 1))
    assert not follow(begin(4, 2), quantiles, came)[0].any()
    assert not follow(begin(4, 2), np.full_like(quantiles, np.nan), np.ones((9, 2)))[0].any()


def test_intervals_without_width_stay_finite() -> None:
    factors, _ = follow(begin(1, 1), np.zeros((500, 1, 1, 7)), np.ones((500, 1)))
    assert factors.max() == 3
    factors, _ = follow(begin(1, 1), np.zeros((500, 1, 1, 7)), np.zeros((500, 1)))
    assert factors.min() == -3


def test_wider_intervals_keep_their_order_and_their_median() -> None:
    log_factor = np.log([[[1.0, 2.0, 0.5]]])
    found = widened(np.array(QUANTILES).reshape(1, 1, 1, 7) - 0.5, log_factor)[0, 0, 0]
    np.testing.assert_allclose(found, [-0.8, -0.475, -0.125, 0, 0.125, 0.475, 0.8])
