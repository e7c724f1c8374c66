import numpy as np
import pytest

from elman.baselines import Baseline, compare, interval
from elman.errors import DataError


def baseline(scores: object, *, maximize: bool = True, weights: object = None) -> Baseline:
    values = np.asarray(scores, np.float64)
    weight = None if weights is None else np.asarray(weights, np.float64)
    return Baseline("b", {"m": 0.0}, values, 0.0, "m", maximize=maximize, weights=weight)


@pytest.mark.parametrize("values", ["few", "all different"])
def test_the_interval_is_that_of_the_mean(values: str) -> None:
    """Both ways to draw: 1.96 standard errors, as of the normal distribution."""
    rng = np.random.default_rng(0)
    scores = rng.random(2000) < 0.3 if values == "few" else rng.normal(size=2000)
    scores = scores.astype(float)
    error = 1.96 * scores.std() / 2000**0.5
    low, high = interval(scores, resamples=4000)
    assert (low - scores.mean()) / error == pytest.approx(-1, abs=0.08)
    assert (high - scores.mean()) / error == pytest.approx(1, abs=0.08)


def test_the_interval_covers_the_true_value_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for i in range(300):
        low, high = interval(rng.exponential(size=100), level=0.9, resamples=400, seed=i)
        held += low <= 1 <= high
    assert 0.83 < held / 300 < 0.95


def test_a_rate_is_a_ratio_of_sums() -> None:
    errors, words = np.array([0.0, 2, 1] * 50), np.array([1.0, 2, 7] * 50)
    low, high = interval(errors, words)
    assert low < 0.3 < high
    result = compare(np.zeros(150), baseline(errors, maximize=False, weights=words))
    assert (result.model_value, result.baseline_value) == (0, pytest.approx(0.3))
    assert result.winner == "model"


def test_pairs_are_more_certain_than_intervals_apart() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random(1000)
    model, other = (hard < 0.82).astype(float), (hard < 0.80).astype(float)
    result = compare(model, baseline(other))
    assert result.winner == "model"
    assert interval(model)[0] < interval(other)[1]
    assert result.low <= result.difference <= result.high


def test_who_wins() -> None:
    right, wrong = [1.0] * 50 + [0.0] * 50, [0.0] * 100
    assert compare(right, baseline(wrong)).winner == "model"
    assert compare(wrong, baseline(right)).winner == "baseline"
    assert compare(wrong, baseline(right, maximize=False)).winner == "model"
    assert compare(right, baseline(right)).winner == "undecided"
    assert compare([1.0] * 5, baseline([0.0] * 5)).winner == "undecided"  # 5 heads: 1 in 16


def test_same_seed_same_interval() -> None:
    scores = np.random.default_rng(0).normal(size=50)
    assert interval(scores, seed=1) == interval(scores, seed=1) != interval(scores, seed=2)


@pytest.mark.parametrize("wrong", [[], [[1.0]], [np.nan], [np.inf]])
def test_wrong_scores_are_named(wrong: object) -> None:
    with pytest.raises(DataError, match=r"^scores must be"):
        interval(wrong)
    with pytest.raises(DataError):
        compare([1.0, 2.0], baseline([1.0]))
