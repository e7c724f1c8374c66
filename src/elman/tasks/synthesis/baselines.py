"""What synthesis is compared with: densities of a point that know nothing of the points before."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.baselines import Baseline
from elman.tasks.synthesis.mixture import PEN_STATES
from elman.tasks.synthesis.preprocessing import Strokes

Array = NDArray[np.float64]


def baselines(train: Sequence[Strokes], held_out: Sequence[Strokes], cell: float) -> list[Baseline]:
    """One Gaussian of all offsets, and a table of how often each occurs.

    Both have the frequencies of pen states beside them. `cell`: side of the table's smallest cells;
    1 where coordinates are whole numbers.
    """
    return [gaussian(train, held_out), table(train, held_out, cell)]


def gaussian(train: Sequence[Strokes], held_out: Sequence[Strokes]) -> Baseline:
    """One bivariate Gaussian of all offsets."""
    started = time.perf_counter()
    mean, covariance = _moments(train)
    found = [_gaussian(each.offsets[1:], mean, covariance).sum() for each in held_out]
    return _baseline("one Gaussian of offsets", found, train, held_out, started)


def table(train: Sequence[Strokes], held_out: Sequence[Strokes], cell: float) -> Baseline:
    """The frequency of each offset, those in one square cell taken as one.

    What is rare is smoothed by the Gaussian (Witten and Bell: as much weight as there are different
    cells). The cells are doubled in side as long as the last tenth of the training data, under a
    table of the rest, becomes more likely.
    """
    started = time.perf_counter()
    if first := train[: len(train) - len(train) // 10]:
        last = train[len(first) :]
        best = _table(first, last, cell).sum()
        while (other := _table(first, last, 2 * cell).sum()) > best:
            best, cell = other, 2 * cell
    found = _table(train, held_out, cell)
    return _baseline("table of offsets", found.tolist(), train, held_out, started)


def _table(train: Sequence[Strokes], held_out: Sequence[Strokes], cell: float) -> Array:
    """The log density of all offsets of each sample under the table of cells of this side."""
    mean, covariance = _moments(train)
    seen = np.concatenate([_cells(each, cell) for each in train])
    kinds, counts = np.unique(seen, return_counts=True)
    total = len(seen) + len(kinds)
    found = []
    for each in held_out:
        cells = _cells(each, cell)
        places = np.searchsorted(kinds, cells).clip(max=len(kinds) - 1)
        often = np.where(kinds[places] == cells, counts[places], 0)
        rest = np.exp(_gaussian(each.offsets[1:], mean, covariance)) * len(kinds)
        found.append(np.log((often / cell**2 + rest) / total).sum())
    return np.array(found, np.float64)


def _baseline(
    name: str,
    offsets: Sequence[float],
    train: Sequence[Strokes],
    held_out: Sequence[Strokes],
    started: float,
) -> Baseline:
    """From the log density of all offsets of each sample."""
    counts = np.bincount(np.concatenate([each.pens for each in train]), minlength=PEN_STATES)
    shares = np.log((counts + 1) / (counts.sum() + PEN_STATES))
    pens = [shares[each.pens].sum() for each in held_out]
    sums = -np.array(offsets, np.float64) - np.array(pens, np.float64)
    points = np.array([len(each.pens) for each in held_out], np.float64)
    metrics = {"nll": float(sums.sum() / points.sum())}
    seconds = time.perf_counter() - started
    return Baseline(name, metrics, sums, seconds, "nll", maximize=False, weights=points)


def _cells(strokes: Strokes, cell: float) -> NDArray[np.complex128]:
    """Each offset's cell, (N - 1,): its column and row as one complex number."""
    columns, rows = np.rint(strokes.offsets[1:] / cell).T
    return np.asarray(columns + 1j * rows)


def _moments(train: Sequence[Strokes]) -> tuple[Array, Array]:
    """Mean (2,) and covariance (2, 2) of offsets, at least a thousandth of a deviation wide."""
    offsets = np.concatenate([each.offsets[1:] for each in train])
    covariance = np.cov(offsets.T, bias=True)
    return offsets.mean(0), covariance + 1e-6 * np.trace(covariance) * np.eye(2)


def _gaussian(offsets: Array, mean: Array, covariance: Array) -> Array:
    """The log density of offsets, (N,)."""
    away = offsets - mean
    distances = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    found: Array = -0.5 * distances - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    return found
