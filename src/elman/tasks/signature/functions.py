"""A signature as functions of time, of the same number of steps each, and as global numbers."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Ink
from elman.data.ink.preparation import resampled_in_time
from elman.errors import DataError

STEPS = 256  # of every signature
SECONDS = 0.01  # between points before that
_LONGEST = 120.0  # seconds
_MOST_POINTS = 20_000
_EVEN = 1e-9

Floats = NDArray[np.float32]
Array = NDArray[np.float64]

FUNCTIONS = (
    *("x", "y", "dx", "dy", "speed", "cosine", "sine", "log curvature radius", "acceleration"),
    *("time", "steps", "path", "jerk", "log speed"),
)
PEN = {
    "pressure": ("pressure", "pressure change"),
    "azimuth": ("azimuth",),
    "altitude": ("altitude",),
}
RISING = ("time", "steps", "path")  # compared by their slopes, as they only rise
ALIGNED_BY = ("x", "y", "dx", "dy", "pressure")
GLOBAL = (
    *("log steps", "log seconds", "log pause", "log length", "log width", "log height"),
    *(
        "log jerk",
        "log share at rest",
        "log variation of speed",
        "log turns in x",
        "log turns in y",
    ),
    *("strokes", "log turns of dx", "log turns of dy"),
)
GLOBAL_PEN = {
    "pressure": ("mean pressure", "deviation of pressure"),
    "azimuth": ("mean azimuth",),
    "altitude": ("mean altitude",),
}


def function_names(channels: tuple[str, ...]) -> list[str]:
    """The time functions of signatures with these channels of the pen, in their order.

    >>> function_names(("pressure",))[-2:]
    ['pressure', 'pressure change']
    """
    return [*FUNCTIONS, *(name for channel in channels for name in PEN[channel])]


def global_names(channels: tuple[str, ...]) -> list[str]:
    """The global numbers of signatures with these channels of the pen, in their order."""
    return [*GLOBAL, *(name for channel in channels for name in GLOBAL_PEN[channel])]


@dataclass(frozen=True, eq=False)
class Traced:
    """What a network reads of one signature.

    - `functions`: (STEPS, C) float32, as `function_names` has them; NaN for a channel of the pen
      that the signature lacks.
    - `globals`: (G,) float32, as `global_names` has them; NaN likewise.
    """

    functions: Floats
    globals: Floats


def traced(ink: Ink, channels: tuple[str, ...]) -> Traced:
    """The time functions and global numbers of a signature.

    Points are brought to 100 a second first; ink without time is taken to have as many. Positions
    and speeds are standardised, so that size, place and unit do not matter but for a few global
    numbers.

    **Arguments:** `channels`: of the pen, those of "pressure", "azimuth" and "altitude" that the
    model has.

    Raises `DataError` where the ink has no point, lasts longer than two minutes, or its time runs
    back.

    >>> ink = Ink.of_strokes([[(0, 0), (1, 2), (3, 1)]], time=np.array([0, 0.1, 0.2]))
    >>> traced(ink, ()).functions.shape
    (256, 14)
    """
    if not len(ink):
        raise DataError("the ink has no point: a signature needs one at least")
    ink, pauses = _even(ink)
    points, is_first = ink.points - ink.points[:1], ink.is_start
    size = np.sqrt(points.var(0).mean())
    unit = size if size > 0 else 1.0
    points = points / unit
    step = _derivative(points)
    speed = np.hypot(step[:, 0], step[:, 1])
    angle = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    turn = _derivative(angle)
    usual = max(float(speed.mean()), _EVEN)
    radius = np.log((speed + usual / 50) / (np.abs(turn) + 0.01))
    change = _derivative(speed)
    acceleration = np.hypot(change, speed * turn)
    jumps = np.abs(np.diff(np.pad(points, ((2, 1), (0, 0)), mode="edge"), 3, axis=0)).sum(1)
    moved = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    pen_up = np.zeros(len(ink))
    pen_up[is_first] = pauses
    seconds = np.arange(len(ink)) * SECONDS + np.cumsum(pen_up)
    columns = [
        *(_standard(each) for each in (points[:, 0], points[:, 1], step[:, 0], step[:, 1], speed)),
        *(np.cos(angle), np.sin(angle), _standard(radius), _standard(acceleration)),
        *(seconds, np.arange(len(ink)) * SECONDS, np.cumsum(moved) / 10, jumps / usual / 2),
        _standard(np.log(speed + usual / 50)),
    ]
    turns = [(np.diff(np.sign(each)) != 0).sum() + 1.0 for each in (*step.T, *_derivative(step).T)]
    numbers = [
        *(np.log(len(ink)), np.log(seconds[-1] + 0.1), np.log(pen_up.sum() + 0.1)),
        np.log(moved.sum() + 1),
        *np.log(np.ptp(points, axis=0) + 0.1),
        np.log(jumps.mean() / usual + _EVEN**0.5),
        np.log((speed <= usual / 10).mean() + 0.01),
        np.log(speed.std() / usual + 0.01),
        *(*np.log(turns[:2]), len(ink.starts) / 3, *np.log(turns[2:])),
    ]
    for channel in channels:
        values = getattr(ink, channel)
        if values is None:
            columns += [np.full(len(ink), np.nan)] * len(PEN[channel])
            numbers += [np.nan] * len(GLOBAL_PEN[channel])
        elif channel == "pressure":
            columns += [_standard(values), _standard(_derivative(values))]
            numbers += [5 * values.mean(), 5 * values.std()]
        else:
            columns += [_standard(np.unwrap(values))]
            numbers += [3 * np.unwrap(values).mean()]
    functions = _steps(np.stack(columns, 1), STEPS).astype(np.float32)
    return Traced(functions, np.array(numbers, np.float32))


def _even(ink: Ink) -> tuple[Ink, Array]:
    """At even times, and the seconds in the air before each stroke, (S,)."""
    if np.abs(ink.points).max() > 1e12:
        raise DataError("the ink has coordinates beyond 1e12")
    if ink.time is None:
        if len(ink) > _MOST_POINTS:
            raise DataError(
                f"the ink has {len(ink):,} points: a signature has {_MOST_POINTS:,} at most"
            )
        return ink, np.zeros(len(ink.starts))
    steps = np.diff(ink.time)
    if (back := steps < -0.05).any():
        raise DataError(f"the time decreases at point {int(back.argmax()) + 1} of the ink")
    time = np.maximum.accumulate(ink.time)
    if time[-1] - time[0] > _LONGEST:
        raise DataError(
            f"the ink lasts {time[-1] - time[0]:.0f} s: a signature takes {_LONGEST:.0f} at most"
        )
    pauses = np.zeros(len(ink.starts))
    pauses[1:] = np.maximum(0, time[ink.starts[1:]] - time[ink.starts[1:] - 1] - SECONDS)
    return resampled_in_time(replace(ink, time=time), SECONDS), pauses


def _derivative(values: Array) -> Array:
    """The slope of a line through five points, (N, ...)."""
    padded = np.pad(values, ((2, 2),) + ((0, 0),) * (values.ndim - 1), mode="edge")
    slope: Array = (padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])) / 10
    return slope


def _standard(values: Array) -> Array:
    """With mean 0 and deviation 1; 0 where nothing varies."""
    centred = values - values.mean()
    deviation = values.std()
    if deviation <= _EVEN * max(1.0, float(np.abs(values).max())):
        return np.zeros_like(values)
    standard: Array = centred / deviation
    return standard


def _steps(values: Array, count: int) -> Array:
    """Of (N, C) the means of `count` equal shares, or between the rows where there are fewer."""
    length = len(values)
    if length <= count:
        place = np.linspace(0, length - 1, count)
        low = np.floor(place).astype(int)
        high, share = np.minimum(low + 1, length - 1), (place - low)[:, None]
        between: Array = values[low] * (1 - share) + values[high] * share
        return between
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, 0)])
    edges = np.linspace(0, length, count + 1)
    floor = np.floor(edges).astype(int).clip(max=length - 1)
    at = total[floor] + (edges - floor)[:, None] * values[floor]
    means: Array = np.diff(at, axis=0) * (count / length)
    return means


def references_of(functions: Tensor, numbers: Tensor, channels: tuple[str, ...]) -> list[Traced]:
    """Signatures as they are saved, (n, STEPS, C) and (n, G); ValueError of other shapes."""
    wanted = (len(functions), STEPS, len(function_names(channels)))
    if tuple(functions.shape) != wanted or tuple(numbers.shape) != (
        len(functions),
        len(global_names(channels)),
    ):
        raise ValueError("the signatures have another shape than their channels have")
    if functions.dtype != torch.float32 or numbers.dtype != torch.float32:
        raise ValueError("the signatures are not of float32")
    return [Traced(f.numpy(), g.numpy()) for f, g in zip(functions, numbers, strict=True)]
