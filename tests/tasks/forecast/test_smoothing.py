"""Exponential smoothing against a loop over one series, and over pieces of it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from elman.data import read_panel
from elman.tasks.forecast.history import read, view_of
from elman.tasks.forecast.smoothing import Smoothing

SEASONS, HORIZON = (3, 6), 5


def by_hand(y: np.ndarray, alpha: float, gammas: list[float]) -> np.ndarray:
    """The forecast after each step of one series, in its own units."""
    found = np.zeros((len(y), HORIZON))
    level = 0.0
    seasons = [np.zeros(len(y) + m) for m in SEASONS]
    for t, value in enumerate(y):
        if t < 3:
            level = float(y[: t + 1].mean())
        else:
            if t == 3:
                seasons[0][3:6] = y[:3] - level
            e = 0.0 if np.isnan(value) else value - level - sum(s[t] for s in seasons)
            level += alpha * e
            for s, gamma, m in zip(seasons, gammas, SEASONS, strict=True):
                s[t + m] = s[t] + gamma * e
        for k in range(HORIZON):
            found[t, k] = level
            if t == 2:
                found[t, k] += y[k % 3] - level
            elif t > 2:
                found[t, k] += sum(s[t + 1 + k % m] for s, m in zip(seasons, SEASONS, strict=True))
    return found


@pytest.fixture
def smoothing() -> Smoothing:
    torch.manual_seed(0)
    made = Smoothing(2, 1, SEASONS, HORIZON)
    with torch.no_grad():
        made.own.normal_(0, 0.1)
    return made


def features(y: np.ndarray) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Of one series what smoothing is given, (T, 1, 3), with its mean and scale."""
    panel = read_panel({"ds": range(len(y)), "y": y})
    view = view_of(panel, HORIZON, 3, smoothing=True)
    history = read(panel, panel.series[0], view)
    now = slice(history.before, None)
    return torch.from_numpy(history.features).unsqueeze(1), history.mean[now], history.scale[now]


def series(count: int = 30) -> np.ndarray:
    t = np.arange(count)
    y = 50 + t + 5 * np.cos(2 * np.pi * t / 3) + np.random.default_rng(0).normal(size=count)
    y[[10, 17]] = np.nan
    return y


@pytest.mark.parametrize("number", [0, 1, -1])
def test_as_a_loop_over_time(smoothing: Smoothing, number: int) -> None:
    y = series()
    given, mean, scale = features(y)
    given[..., -1] = number + 1
    alpha, *gammas = smoothing.weights(torch.tensor([number]))[:, 0, 0].tolist()
    _, rules, _ = smoothing.split(given, None)
    found = mean + scale * rules[:, 0].detach().numpy()
    np.testing.assert_allclose(found, by_hand(y, alpha, gammas), rtol=1e-4)


@pytest.mark.parametrize("cuts", [[1], [2, 3], [4], [13, 14, 20]])
def test_pieces_are_as_the_whole(smoothing: Smoothing, cuts: list[int]) -> None:
    given, _, _ = features(series())
    whole = smoothing.split(given, None)
    state, parts = None, []
    for piece in given.tensor_split(cuts):
        *found, state = smoothing.split(piece, state)
        parts.append(found)
    for i in (0, 1):
        joined = torch.cat([part[i] for part in parts])
        torch.testing.assert_close(joined, whole[i], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state[:2], whole[2][:2], rtol=1e-4, atol=1e-4)


def test_padding_before_and_after_changes_nothing(smoothing: Smoothing) -> None:
    given, _, _ = features(series())
    blank = torch.zeros(4, 1, given.shape[-1])
    _, expected, state = smoothing.split(given, None)
    both = torch.cat([torch.cat([blank, given]), torch.cat([given, blank])], 1)
    _, found, states = smoothing.split(both, None)
    torch.testing.assert_close(found[4:, :1], expected)
    torch.testing.assert_close(found[:-4, 1:], expected)
    for i in (0, 1):
        torch.testing.assert_close(states[:, i], state[:, 0])


def test_the_weights_of_a_series_are_learnt(smoothing: Smoothing) -> None:
    given, _, _ = features(series())
    given[..., -1] = 1
    _, rules, _ = smoothing.split(given, None)
    rules[5:].square().sum().backward()
    assert smoothing.own.grad is not None
    assert smoothing.common.grad is not None
    assert (smoothing.own.grad[0] != 0).all()
    assert (smoothing.own.grad[1] == 0).all()
    assert (smoothing.common.grad != 0).all()
