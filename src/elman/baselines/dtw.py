"""Nearest neighbour by dynamic time warping (Sakoe & Chiba 1978) of feature sequences."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.baselines import sample
from elman.baselines.result import Baseline, Label, check_lengths, of_labels

BAND = 0.1  # half the width of the band, as a share of the length
_LENGTHS = (100, 50, 25)  # steps that longer sequences are resampled to; less where there are many
_ENOUGH = 1000  # training sequences
_SECONDS = 10.0
_A_DIAGONAL, _A_CELL, _A_FEATURE = 1e-4, 8e-9, 0.4e-9  # seconds, roughly
_OUTLIER = 10.0  # standard deviations
_AT_ONCE = 2**20  # cells

Floats = NDArray[np.float32]


def dtw(
    train: Sequence[NDArray[np.floating]],
    train_labels: Sequence[Label],
    sequences: Sequence[NDArray[np.floating]],
    labels: Sequence[Label],
    *,
    band: float = BAND,
    seed: int = 0,
) -> Baseline:
    """The label of the training sequence with the least warping distance (1-NN DTW).

    Features are standardised by the training data's mean and deviation; all features are warped
    together ("dependent" DTW, squared Euclidean cost). Sequences of more than 100 steps
    (50 or 25 where there are many) are resampled to that; of many training sequences a sample is
    compared, which `note` says.

    **Arguments:** sequences (T, D), T of any length from 1; `band`: see `distances`.

    >>> up, down = np.arange(9.0)[:, None], np.arange(9.0)[::-1, None]
    >>> dtw([up, down], ["up", "down"], [up[::2]], ["up"]).metrics["accuracy"]
    1.0
    """
    started = time.perf_counter()
    check_lengths(train, train_labels, sequences, labels)
    flat = np.concatenate([np.asarray(each, np.float64) for each in train])
    mean, deviation = flat.mean(0), flat.std(0)
    deviation[deviation == 0] = 1
    scaled = [_scaled(each, mean, deviation) for each in sequences]
    for most in _LENGTHS:
        shortened = [resampled(each, most) for each in scaled]
        count = _affordable(shortened, flat.shape[1])
        if count >= min(len(train), _ENOUGH):
            break
    kept = sample.stratified(train_labels, count, seed)
    known = [resampled(_scaled(train[i], mean, deviation), most) for i in kept]
    if len(known) < len(shortened):  # all of the longer list at once
        nearest = distances(known, shortened, band=band).argmin(0)
    else:
        nearest = distances(shortened, known, band=band).argmin(1)
    return of_labels(
        "nearest neighbour, DTW",
        [train_labels[kept[i]] for i in nearest],
        labels,
        started=started,
        note=sample.note(len(kept), len(train), "sequences"),
    )


def resampled(sequence: NDArray[np.floating], most: int) -> Floats:
    """A sequence (T, D) of `most` steps at most, longer ones as means of equal shares of time."""
    count = len(sequence)
    if count <= most:
        return np.asarray(sequence, np.float32)
    total = np.concatenate([np.zeros((1, sequence.shape[1])), np.cumsum(sequence, 0)])
    edges = np.linspace(0, count, most + 1)
    floor = np.floor(edges).astype(int).clip(max=count - 1)
    at = total[floor] + (edges - floor)[:, None] * sequence[floor]
    return np.asarray(np.diff(at, axis=0) * (most / count), np.float32)


def _scaled(sequence: NDArray[np.floating], mean: Any, deviation: Any) -> NDArray[np.float64]:
    """Standardised, and bounded so that no outlier decides alone."""
    scaled: NDArray[np.float64] = (np.asarray(sequence, np.float64) - mean) / deviation
    return scaled.clip(-_OUTLIER, _OUTLIER)


def _affordable(sequences: Sequence[Floats], features: int) -> int:
    """How many training sequences there is time to compare with, one at least."""
    steps = np.mean([len(each) for each in sequences])
    one = steps**2 * (_A_CELL + features * _A_FEATURE) + 2 * steps * _A_DIAGONAL / _ENOUGH
    return max(1, int(_SECONDS / len(sequences) / one))


def distances(some: Sequence[Floats], others: Sequence[Floats], *, band: float = 1.0) -> Floats:
    """The square roots of the least summed squared distances along warping paths, (N, M).

    **Arguments:** `band`: how far a path may leave the straight line from corner to corner, as a
    share of the longer length; 1 or more for anywhere. At least one step is always allowed.

    >>> distances([np.array([[0], [1], [2]])], [np.array([[0], [0], [1], [2]])])
    array([[0.]], dtype=float32)
    """
    padded, lengths = _padded(others)
    found = np.empty((len(some), len(others)), np.float32)
    at_once = max(1, _AT_ONCE // (lengths.max() * max(map(len, some))))
    order = np.argsort(lengths, kind="stable")  # of like lengths together: less padding
    for begin in range(0, len(others), at_once):
        chosen = order[begin : begin + at_once]
        block = padded[: lengths[chosen].max(), chosen]
        squares = (block**2).sum(-1, keepdims=True)
        extended = np.concatenate([-2 * block, np.ones_like(squares), squares], -1)
        for i, sequence in enumerate(some):
            found[i, chosen] = _one(sequence, extended, lengths[chosen], band)
    return found


def _one(sequence: Floats, others: Floats, lengths: NDArray[np.int64], band: float) -> Floats:
    """Distances of a sequence (T, D) to M others (S, M, D + 2), one anti-diagonal at a time.

    The others hold -2 y, 1 and y², so that one product gives all (x - y)².
    """
    steps, (width, count, size) = len(sequence), others.shape
    squares = (sequence**2).sum(-1, keepdims=True)
    extended = np.concatenate([sequence, squares, np.ones_like(squares)], -1)
    cost = (extended @ others.reshape(-1, size).T).reshape(steps, width, count)
    slope = (lengths - 1) / max(1, steps - 1)  # of the straight line from corner to corner
    slack = band * np.maximum(steps, lengths) + np.maximum(1, slope)
    if steps == 1:
        slack = lengths.astype(np.float64)
    last = np.full((steps + 1, count), np.inf, np.float32)  # of the diagonal before, by row
    before, new = last.copy(), last.copy()
    before[0] = 0
    found = np.empty(count, np.float32)
    for diagonal in range(steps + width - 1):
        low = max(0, diagonal - width + 1, math.ceil((diagonal - slack.max()) / (1 + slope.max())))
        high = 1 + min(steps - 1, diagonal, int((diagonal + slack.max()) / (1 + slope.min())))
        i = np.arange(low, high)
        best = np.minimum(last[low:high], last[low + 1 : high + 1])
        best = np.minimum(best, before[low:high]) + np.maximum(cost[i, diagonal - i], 0)
        best[np.abs((diagonal - i)[:, None] - i[:, None] * slope) > slack] = np.inf
        new[:] = np.inf
        new[low + 1 : high + 1] = best
        ends = lengths + steps - 2 == diagonal
        found[ends] = new[steps, ends]
        before, last, new = last, new, before
    return np.sqrt(found)


def _padded(sequences: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    lengths = np.array([len(each) for each in sequences])
    padded = np.zeros((lengths.max(), len(sequences), np.shape(sequences[0])[1]), np.float32)
    for i, each in enumerate(sequences):
        padded[: len(each), i] = each
    return padded, lengths
