"""The likelihoods and draws of the heads, against scipy and torch.distributions."""

import numpy as np
import pytest
import torch
from scipy import stats

from elman.tasks.forecast.distributions import LocationScale, NegativeBinomial

VALUES = torch.linspace(-6, 9, 31, dtype=torch.float64)


def of(*values: float) -> list[torch.Tensor]:
    return [torch.full((31,), value, dtype=torch.float64) for value in values]


def test_normal_and_student_t_likelihoods() -> None:
    location, spread, freedom = of(1.5, 0.7, 3.2)
    found = LocationScale(location, spread, None, None).log_prob(VALUES)
    np.testing.assert_allclose(found, stats.norm(1.5, 0.7).logpdf(VALUES))
    found = LocationScale(location, spread, freedom, None).log_prob(VALUES)
    np.testing.assert_allclose(found, stats.t(3.2, 1.5, 0.7).logpdf(VALUES))
    other = torch.distributions.StudentT(freedom, location, spread).log_prob(VALUES)
    np.testing.assert_allclose(found, other)


@pytest.mark.parametrize(("mean", "dispersion"), [(0.2, 3.0), (7.0, 0.5), (4000.0, 0.01)])
def test_negative_binomial_likelihood(mean: float, dispersion: float) -> None:
    counts = torch.arange(0, 8000, 37, dtype=torch.float64)
    law = NegativeBinomial(torch.tensor(mean).double(), torch.tensor(dispersion).double())
    expected = stats.nbinom(1 / dispersion, 1 / (1 + mean * dispersion)).logpmf(counts)
    np.testing.assert_allclose(law.log_prob(counts), expected, rtol=2e-6)


def test_missing_values_have_no_likelihood() -> None:
    value = torch.tensor([np.nan, 0.0], requires_grad=True)
    law = LocationScale(torch.zeros(2), torch.ones(2), None, None)
    assert law.log_prob(value)[0] == 0
    location = torch.zeros(2, requires_grad=True)
    LocationScale(location, torch.ones(2), None, None).log_prob(value).sum().backward()
    assert location.grad is not None
    assert torch.isfinite(location.grad).all()


def test_coupled_targets_are_a_multivariate_normal() -> None:
    """Also their draws, which have its covariance."""
    location = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    spread = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    coupling = torch.tensor([[9, 9, 9], [0.8, 9, 9], [-0.5, 0.3, 9]], dtype=torch.float64)
    lower = spread.unsqueeze(-1) * (coupling.tril(-1) + torch.eye(3))
    covariance = lower @ lower.T
    value = torch.tensor([0.3, 1.0, 1.7], dtype=torch.float64)
    law = LocationScale(location, spread, None, coupling)
    expected = stats.multivariate_normal(location, covariance).logpdf(value)
    assert float(law.log_prob(value).sum()) == pytest.approx(expected)
    first = torch.tensor([0.3, np.nan, np.nan], dtype=torch.float64)
    assert float(law.log_prob(first).sum()) == pytest.approx(stats.norm(1, 0.5).logpdf(0.3))
    wide = LocationScale(location.expand(1, 20000, 3), spread, None, coupling)
    drawn = wide.draw([np.random.default_rng(0)])[0].numpy()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.1)


def test_draws_are_of_their_distribution() -> None:
    draw = [np.random.default_rng(0), np.random.default_rng(1)]
    ones = torch.ones(2, 4000, 1)
    law = LocationScale(ones * 3, ones * 2, ones * 4, None)
    first, second = law.draw(draw)[..., 0].numpy()
    assert stats.kstest(first, stats.t(4, 3, 2).cdf).pvalue > 0.01
    assert stats.kstest(second, stats.t(4, 3, 2).cdf).pvalue > 0.01
    assert (first != second).any()
    counts = NegativeBinomial(ones * 3, ones * 0.5).draw(draw).numpy()
    assert (counts == counts.round()).all()
    assert counts.mean() == pytest.approx(3, rel=0.05)
    assert counts.var() == pytest.approx(3 + 0.5 * 9, rel=0.1)
