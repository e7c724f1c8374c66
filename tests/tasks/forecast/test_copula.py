"""Paths made of quantiles."""

import numpy as np
import pytest
from scipy import stats

from elman.tasks.forecast.copula import paths_through, patterns_of

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def walks(count: int, seed: int = 0) -> np.ndarray:
    """Random walks of 6 steps, (n, 6, 1)."""
    return np.random.default_rng(seed).normal(size=(count, 6, 1)).cumsum(1)


def forecasts(count: int) -> np.ndarray:
    """What is to be forecast of them, (n, 6, 1, Q)."""
    deviation = np.sqrt(np.arange(1, 7))[:, None, None]
    return np.broadcast_to(deviation * stats.norm.ppf(LEVELS), (count, 6, 1, len(LEVELS)))


def test_steps_have_their_quantiles_and_follow_each_other_as_they_did() -> None:
    patterns = patterns_of(forecasts(1000), walks(1000))
    assert patterns.shape == (200, 6, 1)
    draw = [np.random.default_rng(0)]
    found = paths_through(10 + forecasts(1), LEVELS, patterns, draw, 4000)[0, ..., 0]
    expected = 10 + forecasts(1)[0, :, 0]
    np.testing.assert_allclose(np.quantile(found, LEVELS, 0).T, expected, atol=0.15)
    np.testing.assert_allclose(found.std(0), np.sqrt(np.arange(1, 7)), rtol=0.05)
    # The change from the second step to the sixth is the sum of four.
    assert (found[:, 5] - found[:, 1]).std() == pytest.approx(2, rel=0.15)
    assert np.corrcoef(found[:, 0], found[:, 5])[0, 1] == pytest.approx(6**-0.5, abs=0.15)


def test_fewer_steps_and_more_series() -> None:
    patterns = patterns_of(forecasts(50), walks(50))
    draws = [np.random.default_rng(seed) for seed in (0, 1)]
    found = paths_through(forecasts(2)[:, :3], LEVELS, patterns, draws, 7)
    assert found.shape == (2, 7, 3, 1)
    assert (found[0] != found[1]).all()


def test_without_whole_forecasts_steps_are_drawn_alone() -> None:
    actual = walks(5)
    actual[:, 2] = np.nan
    patterns = patterns_of(forecasts(5), actual)
    assert patterns.shape == (1, 6, 1)
    found = paths_through(forecasts(1), LEVELS, patterns, [np.random.default_rng(0)], 3000)
    assert abs(np.corrcoef(found[0, :, 4, 0], found[0, :, 5, 0])[0, 1]) < 0.1
