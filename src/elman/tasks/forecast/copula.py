"""Paths from quantiles of single steps: how the steps go together is learnt from held-out ones."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MOST = 200  # patterns that are kept


def patterns_of(quantiles: Array, actual: Array) -> Array:
    """What came, (n, h, K), as ranks among the forecasts: (m, h, K) from 0 to 1, m at most 200.

    At each step the ranks are spread evenly over all patterns, so that they say nothing but how
    high steps and low ones follow each other (an empirical copula; Clark et al. 2004 shuffle
    ensembles so). `quantiles` (n, h, K, Q).

    >>> quantiles = np.tile([-1.0, 0.0, 1.0], (2, 1, 1, 1))
    >>> patterns_of(quantiles, np.array([0.5, -3.0]).reshape(2, 1, 1)).ravel()
    array([0.75, 0.25])
    """
    whole = np.flatnonzero(np.isfinite(actual).all((1, 2)))
    if not len(whole):
        return np.full((1, *actual.shape[1:]), 0.5)
    chosen = whole[np.linspace(0, len(whole) - 1, min(_MOST, len(whole))).round().astype(int)]
    quantiles, actual = quantiles[chosen], actual[chosen]
    middle = quantiles.shape[-1] // 2
    off = actual - quantiles[..., middle]
    half = np.where(
        off > 0,
        quantiles[..., -1] - quantiles[..., middle],
        quantiles[..., middle] - quantiles[..., 0],
    )
    order = (off / np.maximum(half, 1e-12)).argsort(0, kind="stable").argsort(0)
    patterns: Array = (order + 0.5) / len(order)
    return patterns


def paths_through(
    quantiles: Array,
    levels: Sequence[float],
    patterns: Array,
    generators: Sequence[np.random.Generator],
    paths: int,
) -> Array:
    """Paths (N, S, h, K) whose steps have the quantiles (N, h, K, Q) and follow each other as the
    patterns do, (m, h, K) with as many steps or more; beyond the outermost quantiles as a normal
    distribution goes on."""
    count, horizon, keys, _ = quantiles.shape
    score = torch.special.ndtri(torch.tensor(levels, dtype=torch.float64)).numpy()
    found = np.empty((count, paths, horizon, keys))
    for i, draw in enumerate(generators):
        chosen = np.concatenate(
            [draw.permutation(len(patterns)) for _ in range(-(-paths // len(patterns)))]
        )[:paths]
        within = draw.random((paths, horizon, keys)) - 0.5
        share = patterns[chosen, :horizon] + within / len(patterns)
        wanted = torch.special.ndtri(torch.from_numpy(share)).numpy()
        right = np.searchsorted(score, wanted).clip(1, len(score) - 1)
        own = np.broadcast_to(quantiles[i], (paths, *quantiles[i].shape))
        low, high = (
            np.take_along_axis(own, at[..., None], -1)[..., 0] for at in (right - 1, right)
        )
        part = (wanted - score[right - 1]) / (score[right] - score[right - 1])
        found[i] = low + part * (high - low)
    return found
