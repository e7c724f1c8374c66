"""How signatures deviate from a person's references, in the measure of the references' own spread.

All is compared along the time axis of each reference in turn, to which dynamic time warping brings
the others (TA-RNN: Tolosana et al. 2021 align so, too).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.tasks.signature.functions import (
    ALIGNED_BY,
    RISING,
    STEPS,
    Floats,
    Traced,
    function_names,
)
from elman.tasks.signature.warping import aligned

POOL = 4  # steps that the recurrent layers read as one
_SOFT = 0.1  # added to the spread: what is always alike does not decide alone
_MOST = 6.0  # spreads
_CLIP = 8.0
_SLOPE = 20.0
_ALIKE = ("x", "y", "dx", "dy", "speed", "time", "pressure")  # that the overall distance is of
_FLOOR = 1e-3


def deviations(
    references: Sequence[Traced], others: Sequence[Traced], channels: tuple[str, ...]
) -> tuple[Floats, Floats]:
    """What separates each of the others from each reference, step by step.

    **Returns:** (n, m, STEPS, C) signed differences on each reference's time axis, NaN where one
    lacks a channel of the pen; and the warping distances over the paths' lengths, (n, m).
    """
    names = function_names(channels)
    pairs = [(a, b) for a in range(len(references)) for b in range(len(others))]
    one = np.stack([references[a].functions for a, _ in pairs])
    two = np.stack([others[b].functions for _, b in pairs])
    by = [names.index(name) for name in ALIGNED_BY if name in names]
    found, distances = aligned(np.nan_to_num(one[..., by]), np.nan_to_num(two[..., by]), two)
    found -= one
    for name in RISING:
        column = names.index(name)
        found[..., column] = np.gradient(found[..., column], axis=1) * _SLOPE
    shape = (len(references), len(others))
    found = np.clip(found, -_CLIP, _CLIP).reshape(*shape, STEPS, len(names))
    return found, distances.reshape(shape)


def spread(within: Floats, usual: Floats, weight: float) -> Floats:
    """The mean absolute deviation of the other references from each, (n, STEPS, C).

    **Arguments:** `within`: (n, n, STEPS, C), the references' deviations from each other; `usual`:
    (C,), of any person, which counts as `weight` more references.
    """
    count = len(within)
    total = np.abs(_filled(within, usual)).sum(1)  # that from itself is 0
    if count == 1:
        return np.broadcast_to(usual, total.shape).astype(np.float32)
    found: Floats = (total + weight * usual) / (count - 1 + weight)
    return found


def compared(
    within: Floats,
    towards: Floats,
    numbers: Floats,
    usual: Floats,
    names: Sequence[str],
    weight: float,
) -> tuple[Floats, Floats]:
    """What the network takes of m signatures beside n references.

    **Arguments:** `within`: (n, n, STEPS, C), see `deviations`; `towards`: (n, m, STEPS, C);
    `numbers`: (m, G), the global numbers less their mean of the references; `usual` and `weight`:
    see `spread`; `names`: of the C time functions.

    **Returns:** sequences (m, n, STEPS / POOL, 2 C) of deviations over the spread, absolute and
    signed, and statistics of them, (m, F).
    """
    scaled = _scaled(towards, spread(within, usual, weight), usual)
    pooled = scaled.reshape(*scaled.shape[:2], STEPS // POOL, POOL, -1)
    sequences = np.concatenate([np.abs(pooled).mean(3), pooled.mean(3)], -1) / 3
    size, sign = np.abs(scaled).mean(2), scaled.mean(2)  # (n, m, C)
    alike = [names.index(name) for name in _ALIKE if name in names]
    overall = size[..., alike].mean(-1)
    own = _leave_one_out(within, usual, weight)[..., alike].mean(-1)
    count = towards.shape[1]
    extent = np.abs(_filled(within, usual))[..., alike].mean((0, 1, 2, 3))
    extent *= len(within) / max(1, len(within) - 1)
    of_person = [own.mean(), own.max(), extent if len(within) > 1 else usual[alike].mean()]
    statistics = np.concatenate(
        [
            np.log(size.mean(0) + _FLOOR),
            np.log(np.stack([overall.mean(0), overall.min(0), overall.max(0)], 1) + _FLOOR),
            sign.mean(0),
            np.repeat(np.log(np.array([of_person]) + _FLOOR), count, 0),
            np.nan_to_num(numbers),
        ],
        1,
    )
    return (
        np.ascontiguousarray(sequences.transpose(1, 0, 2, 3), dtype=np.float32),
        statistics.astype(np.float32),
    )


def _scaled(towards: Floats, scale: Floats, usual: Floats) -> Floats:
    """Deviations (n, m, STEPS, C) over a spread (n, STEPS, C); a missing channel has the usual
    deviation, to neither side."""
    found = np.clip(towards / (scale[:, None] + _SOFT), -_MOST, _MOST)
    missing = np.isnan(found)
    if missing.any():
        sign = np.where(np.arange(STEPS) % 2, 1.0, -1.0)[:, None]
        usually = np.broadcast_to(sign * usual / (scale[:, None] + _SOFT), found.shape)
        found = np.where(missing, usually, found)
    kept: Floats = found.astype(np.float32)
    return kept


def _filled(within: Floats, usual: Floats) -> Floats:
    """With the usual deviation where a reference lacks a channel."""
    found = np.where(np.isnan(within), usual, within)
    index = np.arange(len(within))
    found[index, index] = 0
    filled: Floats = found
    return filled


def _leave_one_out(within: Floats, usual: Floats, weight: float) -> Floats:
    """The mean size of each reference's deviation from the others, as that of a new signature
    would be, (pairs, C); of one reference the usual one."""
    count = len(within)
    if count == 1:
        found: Floats = (usual / (usual + _SOFT))[None]
        return found
    sizes = []
    absolute = np.abs(_filled(within, usual))
    total = absolute.sum(1)
    for one in range(count):
        for other in range(count):
            if one == other:
                continue
            rest = (total[one] - absolute[one, other] + weight * usual) / max(
                count - 2 + weight, _FLOOR
            )
            if count == 2 and not weight:
                rest = np.broadcast_to(usual, rest.shape)
            sizes.append(np.minimum(absolute[one, other] / (rest + _SOFT), _MOST).mean(0))
    every: Floats = np.stack(sizes)
    return every


def usual_deviation(within: Sequence[Floats]) -> NDArray[np.float32]:
    """The mean absolute deviation of references from each other over persons, (C,).

    Raises `DataError` where nobody has two references.
    """
    means = []
    for each in within:
        if len(each) > 1:
            size = np.nanmean(np.abs(each), (0, 1, 2)) * len(each) / (len(each) - 1)
            means.append(np.nan_to_num(size))
    if not means:
        raise DataError(
            "no person has three genuine signatures, of which two may be references: how much a"
            " person's signatures differ cannot be learnt"
        )
    usual: Floats = np.mean(means, 0).astype(np.float32)
    return usual
