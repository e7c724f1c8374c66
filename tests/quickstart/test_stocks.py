import numpy as np
import torch

from elman.data.datasets.builtin import stocks as prices
from elman.quickstart import stocks


def test_features_know_this_month_and_targets_are_the_next() -> None:
    series = prices()
    features, returns = stocks._features(series)
    assert features.shape == (*returns.shape, 2) == (389, 10, 2)
    ibm = np.log(series.values[:, 0])
    np.testing.assert_allclose(returns[100, 0], ibm[101] - ibm[100])
    np.testing.assert_allclose(features[100, 0, 0], ibm[100] - ibm[99])
    changes = np.log(series.values[100] / series.values[99])
    np.testing.assert_allclose(features[100, :, 1], np.full(10, np.nanmean(changes)))


def test_windows_have_no_gaps_and_end_before_what_is_held_out() -> None:
    features, returns = stocks._features(prices())
    windows, targets = stocks._windows(features[:200], returns[:200])
    assert targets.shape == (len(windows), stocks.WINDOW)
    assert all(window.shape == (stocks.WINDOW, 2) for window in windows)
    assert torch.isfinite(torch.stack(windows)).all()
    assert torch.isfinite(targets).all()
    for window, target in zip(windows, targets, strict=True):
        torch.testing.assert_close(window[1:, 0], target[:-1])


def test_forecasts_do_not_see_the_future() -> None:
    forecasts = stocks.train(1, progress=False)
    months = len(forecasts.dates)
    assert forecasts.prices.shape == forecasts.predicted.shape == (months, 10)
    np.testing.assert_array_equal(forecasts.before[1:], forecasts.prices[:-1])
    model = stocks.SequenceModel(
        stocks.FeatureEncoder(torch.zeros(2), torch.ones(2)),
        stocks.elman.GRU(2, 8),
        stocks.NextReturn(8, 0.1),
    )
    features, _ = stocks._features(prices())
    first = stocks._forecast(model, features)
    features[300:] += 1.0
    second = stocks._forecast(model, features)
    np.testing.assert_array_equal(first[:300], second[:300])
    assert (np.abs(first[300:] - second[300:])[:, 0] > 0).all()


def test_the_same_seed_gives_the_same_forecasts() -> None:
    state = torch.random.get_rng_state()
    first = stocks.train(1, seed=3, progress=False)
    torch.rand(1)
    second = stocks.train(1, seed=3, progress=False)
    np.testing.assert_array_equal(first.predicted, second.predicted)
    torch.random.set_rng_state(state)


def test_errors_are_those_of_the_prices() -> None:
    forecasts = stocks.train(1, progress=False)
    off = 100 * np.abs(forecasts.predicted - forecasts.prices) / forecasts.before
    np.testing.assert_allclose(forecasts.outcome.network, np.nanmean(off))
    for i, name in enumerate(forecasts.names):
        np.testing.assert_allclose(forecasts.errors[name][0], np.nanmean(off[:, i]))
    still = 100 * np.abs(forecasts.before - forecasts.prices) / forecasts.before
    walk = forecasts.outcome.baselines["the same price again"]
    np.testing.assert_allclose(walk, np.nanmean(still))


def test_verdicts() -> None:
    true = np.random.default_rng(0).normal(0, 0.05, (80, 10))
    assert stocks._verdict(true, true).startswith("beats the random walk")
    assert stocks._verdict(true * 0, true).startswith("does not beat")
    assert "worse" in stocks._verdict(-true, true)
