"""Dynamic time warping of many pairs of sequences at once, with the warping paths."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_BAND = 0.2  # how far a path may leave the diagonal, as a share of the length
_AT_ONCE = 256  # pairs


def aligned(
    references: Floats, others: Floats, values: Floats, *, band: float = _BAND
) -> tuple[Floats, Floats]:
    """The values of each second sequence, brought to the steps of the first by the warping path.

    Local cost is the Euclidean distance (Sakoe & Chiba 1978, steps of equal weight). Where several
    steps of the second sequence belong to one of the first, their mean is taken.

    **Arguments:** `references`, `others`: (P, K, D) pairs of sequences; `values`: (P, K, C) of the
    second.

    **Returns:** (P, K, C), and the distance of each pair over the length of its path, (P,).

    >>> rise = np.array([[[0], [0], [1], [2]]], np.float32)
    >>> same = np.array([[[0], [1], [2], [2]]], np.float32)
    >>> found, distance = aligned(rise, same, same, band=1.0)
    >>> found[0, :, 0].tolist(), distance.tolist()
    ([0.0, 0.0, 1.0, 2.0], [0.0])
    """
    count, steps, width = len(references), references.shape[1], values.shape[2]
    found = np.empty((count, steps, width), np.float32)
    distance = np.empty(count, np.float32)
    reach = max(1, int(np.ceil(band * steps)))
    for begin in range(0, count, _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        came_from, distance[part] = _paths(references[part], others[part], reach)
        found[part], lengths = _means(came_from, values[part])
        distance[part] /= lengths
    return found, distance


def _paths(one: Floats, two: Floats, reach: int) -> tuple[NDArray[np.int8], Floats]:
    """The step that led to each cell, (2K - 1, K, P) by anti-diagonal and row: 0 along both, 1
    along the first, 2 along the second; and the sum along the best path, (P,)."""
    count, steps = one.shape[:2]
    one, two = (np.ascontiguousarray(each.transpose(2, 1, 0)) for each in (one, two[:, ::-1]))
    came_from = np.zeros((2 * steps - 1, steps, count), np.int8)
    last = np.full((steps + 1, count), np.inf, np.float32)  # of the anti-diagonal before, by row
    before, new = last.copy(), last.copy()
    before[0] = 0
    for diagonal in range(2 * steps - 1):
        low = max(0, diagonal - steps + 1, (diagonal - reach + 1) // 2)
        high = 1 + min(steps - 1, diagonal, (diagonal + reach) // 2)
        apart = one[:, low:high] - two[:, steps - 1 - diagonal + low : steps - 1 - diagonal + high]
        cost = np.sqrt(np.einsum("drp,drp->rp", apart, apart))
        both, first, second = before[low:high], last[low:high], last[low + 1 : high + 1]
        single = np.minimum(first, second)
        came_from[diagonal, low:high] = np.where(both <= single, 0, np.where(first <= second, 1, 2))
        new[:] = np.inf
        new[low + 1 : high + 1] = np.minimum(both, single) + cost
        before, last, new = last, new, before
    return came_from, last[steps]


def _means(came_from: NDArray[np.int8], values: Floats) -> tuple[Floats, Floats]:
    """Back along the paths: the mean of the values at each step of the first, (P, K, C), and how
    long each path is, (P,)."""
    count, steps = values.shape[:2]
    sums = np.zeros_like(values)
    counts = np.zeros((count, steps), np.float32)
    pair = np.arange(count)
    i, j = np.full(count, steps - 1), np.full(count, steps - 1)
    for _ in range(2 * steps - 1):
        sums[pair, i] += values[pair, j]
        counts[pair, i] += 1
        step = came_from[i + j, i, pair]
        i_next, j_next = i - (step != 2), j - (step != 1)
        running = (i_next >= 0) & (j_next >= 0)
        pair, i, j = pair[running], i_next[running], j_next[running]
        if not len(pair):
            break
    return sums / counts[..., None], counts.sum(1)
