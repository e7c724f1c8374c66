import math
from typing import Any

import numpy as np
import pytest
import torch

from elman.tasks.synthesis.mixture import (
    END,
    LARGEST_CORRELATION,
    SMALLEST_DEVIATION,
    MixtureDensity,
    components_of,
    draw,
    offset_log_density,
    pen_log_probability,
)

COMPONENTS = 3


def scores_of(seed: int, *shape: int, **options: Any) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.randn(*shape, 6 * COMPONENTS + 3, dtype=torch.float64, **options)


def reference(scores: np.ndarray, x: float, y: float, state: int) -> float:
    """The log-likelihood of one point, by the formulas of Graves 2013, (24) to (26)."""
    m = COMPONENTS
    weights = np.exp(scores[:m]) / np.exp(scores[:m]).sum()
    density = 0.0
    for j in range(m):
        mean = scores[m + j], scores[2 * m + j]
        sx, sy = (SMALLEST_DEVIATION + math.log1p(math.exp(scores[k * m + j])) for k in (3, 4))
        rho = LARGEST_CORRELATION * math.tanh(scores[5 * m + j])
        a, b = (x - mean[0]) / sx, (y - mean[1]) / sy
        z = a * a + b * b - 2 * rho * a * b
        volume = 2 * math.pi * sx * sy * math.sqrt(1 - rho * rho)
        density += weights[j] * math.exp(-z / (2 * (1 - rho * rho))) / volume
    pens = np.exp(scores[6 * m :]) / np.exp(scores[6 * m :]).sum()
    return math.log(density) + math.log(pens[state])


def test_the_likelihood_is_that_of_the_formulas() -> None:
    scores = scores_of(0, 4, 2)
    offsets = torch.randn(4, 2, 2, dtype=torch.float64)
    states = torch.randint(3, (4, 2))
    found = offset_log_density(scores, offsets) + pen_log_probability(scores, states)
    for t in range(4):
        for b in range(2):
            x, y = offsets[t, b].tolist()
            right = reference(scores[t, b].numpy(), x, y, int(states[t, b]))
            assert found[t, b].item() == pytest.approx(right, rel=1e-12)


def test_gradients_of_the_likelihood() -> None:
    scores = scores_of(1, 2, 2, requires_grad=True)
    offsets = torch.randn(2, 2, 2, dtype=torch.float64)
    states = torch.tensor([[0, 1], [2, 0]])

    def likelihood(given: torch.Tensor) -> torch.Tensor:
        return offset_log_density(given, offsets) + pen_log_probability(given, states)

    assert torch.autograd.gradcheck(likelihood, (scores,))


@pytest.mark.parametrize("seed", range(3))
def test_the_density_integrates_to_one(seed: int) -> None:
    line = torch.linspace(-15, 15, 1201, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1)
    scores = scores_of(seed).expand(*grid.shape[:2], -1)
    step = float(line[1] - line[0])
    total = offset_log_density(scores, grid).exp().sum() * step**2
    assert total.item() == pytest.approx(1, abs=1e-4)
    states = torch.arange(3)
    assert pen_log_probability(scores_of(seed).expand(3, -1), states).exp().sum() == (
        pytest.approx(1)
    )


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_extreme_scores_stay_finite_and_bounded(size: float) -> None:
    for sign in (-1, 1):
        scores = (sign * size * scores_of(2, 5).abs()).float().requires_grad_()
        offsets = torch.zeros(5, 2)
        found = offset_log_density(scores, offsets)
        found.sum().backward()
        assert torch.isfinite(found).all()
        assert scores.grad is not None
        assert torch.isfinite(scores.grad).all()
        largest = SMALLEST_DEVIATION**-2 / math.sqrt(1 - LARGEST_CORRELATION**2) / (2 * math.pi)
        assert (found <= math.log(largest) + 1e-3).all()


def test_what_is_drawn_has_the_mixture_s_moments() -> None:
    scores = scores_of(3).float()
    many = scores.expand(100_000, -1)
    offsets, pens = draw(many, 0.0, torch.Generator().manual_seed(0))
    logs, means, deviations, rho = components_of(scores)
    weights = logs.exp()
    mean = (weights * means).sum(-1)
    assert offsets.mean(0).numpy() == pytest.approx(mean.numpy(), abs=0.03)
    second = (weights * (deviations.square() + means.square())).sum(-1) - mean.square()
    assert offsets.var(0).numpy() == pytest.approx(second.numpy(), rel=0.05)
    mixed = (weights * (rho * deviations.prod(0) + means.prod(0))).sum() - mean.prod()
    assert np.cov(offsets.numpy().T)[0, 1] == pytest.approx(mixed.item(), abs=0.05)
    shares = scores[-3:].softmax(-1)
    assert (pens == END).float().mean().item() == pytest.approx(shares[END].item(), abs=0.01)


def test_bias_draws_near_the_likeliest_mean() -> None:
    scores = scores_of(4).float()
    logs, means, deviations, _ = components_of(scores, bias=10.0)
    best = scores[:COMPONENTS].argmax()
    assert logs.exp()[best] > 0.99
    assert deviations.max() < 1e-3
    offsets, _ = draw(scores.expand(100, -1), 10.0, torch.Generator().manual_seed(0))
    assert (offsets - means[:, best]).abs().median() < 1e-3


def test_means_begin_apart() -> None:
    torch.manual_seed(0)
    head = MixtureDensity(4, 20)
    means = components_of(head(torch.zeros(4)))[1]
    assert means.std(-1).min() > 0.2
