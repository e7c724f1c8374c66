"""Distributions of the next value, as an autoregressive head gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
_MOST = 1e9  # of a count's mean


@dataclass(frozen=True)
class LocationScale:
    """Normal distributions, or Student's t ones, of K targets together.

    `value = location + spread * (e_k + sum of coupling_kj * e_j over j < k)`, with the e of each
    target drawn alone: with coupling the targets of one step move together.

    **Fields:** `location`, `spread`: (..., K). `freedom`: (..., K), Student's degrees of freedom;
    None of a normal distribution. `coupling`: (..., K, K), of which what is below the diagonal
    counts; None if the targets are independent.

    >>> law = LocationScale(torch.zeros(1), torch.ones(1), None, None)
    >>> round(float(law.log_prob(torch.zeros(1))), 4)
    -0.9189
    """

    location: Tensor
    spread: Tensor
    freedom: Tensor | None
    coupling: Tensor | None

    def log_prob(self, value: Tensor) -> Tensor:
        """Of each target given those before it, (..., K); 0 where the value is NaN.

        A target that is missing tells the others nothing.
        """
        known = torch.isfinite(value)
        e = (torch.where(known, value, self.location) - self.location) / self.spread
        if self.coupling is not None:
            e = _uncoupled(e, known, self.coupling)
        density = _normal(e) if self.freedom is None else _student_t(e, self.freedom)
        return (density - self.spread.log()) * known

    def draw(self, generators: Sequence[np.random.Generator]) -> Tensor:
        """One value of each, (N, S, K), with a generator for each of the N; float64."""
        shape = self.location.shape[1:]
        if self.freedom is None:
            drawn = np.stack([each.standard_normal(shape) for each in generators])
        else:
            freedom = self.freedom.double().cpu().numpy()
            drawn = np.stack(
                [each.standard_t(own) for each, own in zip(generators, freedom, strict=True)]
            )
        e = torch.from_numpy(drawn)
        if self.coupling is not None:
            e = e + (self.coupling.double().cpu().tril(-1) @ e.unsqueeze(-1)).squeeze(-1)
        return self.location.double().cpu() + self.spread.double().cpu() * e


@dataclass(frozen=True)
class NegativeBinomial:
    """Counts with mean `mean` and variance `mean + dispersion * mean^2`, (..., K) each.

    >>> law = NegativeBinomial(torch.tensor([2.0]), torch.tensor([0.5]))
    >>> round(float(law.log_prob(torch.zeros(1)).exp()), 4)
    0.25
    """

    mean: Tensor
    dispersion: Tensor

    def log_prob(self, value: Tensor) -> Tensor:
        """Of counts, (..., K); 0 where the value is NaN."""
        known = torch.isfinite(value)
        value = torch.where(known, value, 0)
        count = 1 / self.dispersion
        chosen = torch.lgamma(value + count) - torch.lgamma(count) - torch.lgamma(value + 1)
        spread = torch.log1p(self.dispersion * self.mean)
        times = value * ((self.dispersion * self.mean).log() - spread)
        return (chosen - count * spread + times) * known

    def draw(self, generators: Sequence[np.random.Generator]) -> Tensor:
        """One count of each, (N, S, K), with a generator for each of the N; float64."""
        mean = self.mean.double().clamp(max=_MOST).cpu().numpy()
        dispersion = self.dispersion.double().cpu().numpy()
        drawn = [
            each.negative_binomial(1 / own, 1 / (1 + own * middle))
            for each, own, middle in zip(generators, dispersion, mean, strict=True)
        ]
        return torch.from_numpy(np.stack(drawn).astype(np.float64))


Law = LocationScale | NegativeBinomial


def _normal(e: Tensor) -> Tensor:
    return -0.5 * e**2 - 0.5 * float(np.log(2 * np.pi))


def _student_t(e: Tensor, freedom: Tensor) -> Tensor:
    half = (freedom + 1) / 2
    norm = torch.lgamma(half) - torch.lgamma(freedom / 2) - 0.5 * (freedom * np.pi).log()
    return norm - half * torch.log1p(e**2 / freedom)


def _uncoupled(mixed: Tensor, known: Tensor, coupling: Tensor) -> Tensor:
    """The independent parts of mixed ones, target by target."""
    parts: list[Tensor] = []
    for k in range(mixed.shape[-1]):
        own: Any = mixed[..., k]
        for j, part in enumerate(parts):
            own = own - coupling[..., k, j] * part
        parts.append(own * known[..., k])
    return torch.stack(parts, -1)
