"""Jacobians of steps and of stretches of time: their singular values, and the spectral radius.

d s_T / d s_t is a product of the steps' Jacobians. With few states the product is formed; with many
its leading singular values come from a randomised range finder (Halko, Martinsson & Tropp 2011,
arXiv:0909.4061), for which products with vectors, forward and backward, are enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.diagnose.linear import Steps
from elman.nn.reference import Weights

LARGE = 192  # states from which on products of Jacobians are not formed
_RANK, _OVERSAMPLING, _POWER = 12, 8, 2

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Spectra:
    """Singular values of one direction of one layer, geometric means over the sequences.

    - `lags`: k of each row of `products`. `products[i]`: the singular values of
      d s_T / d s_(T-k), T the last step, the largest first; all of them, or the leading 12 where
      there are 192 states or more.
    - `steps`: (4, n), of n single steps spread over time the largest, upper quartile, median
      and smallest singular value; `at` the steps' numbers. Empty where there are many states.
    """

    lags: list[int]
    products: list[Values]
    at: list[int]
    steps: Values


def spectra(steps: Steps, *, sequences: int = 4, samples: int = 24, seed: int = 0) -> Spectra:
    """The spectra of some of the sequences.

    >>> import elman
    >>> from elman.diagnose.trajectory import run
    >>> found = spectra(Steps(run(elman.RNN(3, 5), torch.randn(20, 2, 3))[0]))
    >>> found.lags, found.products[0].shape, found.steps.shape
    ([1, 2, 4, 8, 16, 20], (5,), (4, 20))
    """
    rows = min(sequences, steps.batch)
    lags = [1 << i for i in range(20) if 1 << i < steps.length]
    lags += [steps.length] if steps.length else []
    if steps.size >= LARGE:
        found = [_geometric(leading(steps, lag, seed=seed)[:rows]) for lag in lags]
        return Spectra(lags, found, [], np.zeros((4, 0)))
    products = []
    eye = torch.eye(steps.size, dtype=steps.dtype, device=steps.device)
    g = eye.expand(steps.batch, -1, -1)
    for lag in range(1, steps.length + 1):
        g = steps.vjp(steps.length - lag, g)
        if lag in lags:
            products.append(_geometric(torch.linalg.svdvals(g[:rows])))
    count = min(samples, steps.length)
    at = sorted({int(t) for t in np.linspace(0, steps.length - 1, count).round()}) if count else []
    single = [_geometric(torch.linalg.svdvals(steps.dense(t)[:rows])) for t in at]
    some = [0, steps.size // 4, steps.size // 2, steps.size - 1]
    chosen = np.array([values[some] for values in single]).T if single else np.zeros((4, 0))
    return Spectra(lags, products, at, chosen)


def leading(
    steps: Steps, lag: int, *, rank: int = _RANK, power: int = _POWER, seed: int = 0
) -> Tensor:
    """The leading singular values of d s_T / d s_(T-lag), (B, rank), by random projections.

    The full product is never formed; `power` iterations sharpen a slowly falling spectrum.
    """
    width = min(rank + _OVERSAMPLING, steps.size)
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(steps.batch, width, steps.size, generator=generator, dtype=steps.dtype)
    rows = _backward(steps, lag, start.to(steps.device))
    for _ in range(power):
        rows = _backward(steps, lag, _orthonormal(_forward(steps, lag, _orthonormal(rows))))
    found: Tensor = torch.linalg.svdvals(_forward(steps, lag, _orthonormal(rows)))
    return found[:, :rank]


def _backward(steps: Steps, lag: int, g: Tensor) -> Tensor:
    for t in range(steps.length - 1, steps.length - 1 - lag, -1):
        g = steps.vjp(t, g)
    return g


def _forward(steps: Steps, lag: int, v: Tensor) -> Tensor:
    for t in range(steps.length - lag, steps.length):
        v = steps.jvp(t, v)
    return v


def _orthonormal(rows: Tensor) -> Tensor:
    q: Tensor = torch.linalg.qr(rows.transpose(1, 2))[0]
    return q.transpose(1, 2)


def _geometric(values: Tensor) -> Values:
    """Over the sequences; (B, k) to (k,). Zero where a value is zero in any."""
    with np.errstate(divide="ignore"):
        mean: Values = np.exp(np.log(values.cpu().double().numpy()).mean(0))
    return mean


def spectral_radii(weights: Weights, names: Sequence[str]) -> dict[str, float]:
    """Of each gate's square recurrent matrix the largest absolute eigenvalue, by the gate's name.

    Empty without a recurrent matrix, and where a projection makes it oblong.
    """
    if weights.hh is None or weights.hh.shape[0] != len(names) * weights.hh.shape[1]:
        return {}
    blocks = weights.hh.detach().double().cpu().chunk(len(names))
    if not all(bool(block.isfinite().all()) for block in blocks):
        return dict.fromkeys(names, float("nan"))
    pairs = zip(names, blocks, strict=True)
    return {name: float(torch.linalg.eigvals(block).abs().max()) for name, block in pairs}
