"""Strokes as cubic Bezier curves, fitted by least squares and cut where they do not fit."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.ink import Array, Ink
from elman.data.values import shown
from elman.errors import SettingsError

_REFINEMENTS = 4  # of the parameter of each point, by its nearest place on the curve
_NEARLY = 4  # tolerances within which refining may bring a curve to its points
_SHORTEST = 4  # points below which a piece is not cut


class Curves(NamedTuple):
    """Cubic Bezier curves, K of them, in the order of writing.

    **Fields:**

    - `ends`: (K, 2, 2), first and last point, each x and y.
    - `handles`: (K, 2, 2), the two control points between them.
    - `time`: (K, 3) seconds, coefficients of s, s^2 and s^3; 0 without time.
    - `in_air`: (K,) whether it is the straight jump from one stroke to the next.
    """

    ends: Array
    handles: Array
    time: Array
    in_air: NDArray[np.bool_]

    def points(self, count: int) -> Array:
        """`count` points of each, even in its parameter, (K, count, 2)."""
        s = np.linspace(0, 1, count)
        control = np.stack([self.ends[:, 0], *np.moveaxis(self.handles, 1, 0), self.ends[:, 1]], 1)
        drawn: Array = np.einsum("sc,kcd->ksd", _bernstein(s), control)
        return drawn


def curves_of(ink: Ink, tolerance: float) -> Curves:
    """The curves of ink: of each stroke as few as halving finds that keep within `tolerance`.

    A stroke is fitted as a whole, and cut at its worst point where that is further away than
    `tolerance`, until all fit or a piece has fewer than four points. A stroke of one point is a
    curve of no length.

    >>> curves = curves_of(Ink.of_strokes([[(0, 0), (1, 0), (2, 0)], [(5, 5)]]), 0.1)
    >>> curves.in_air.tolist(), curves.ends[:, 1].tolist()
    ([False, True, False], [[2.0, 0.0], [5.0, 5.0], [5.0, 5.0]])
    """
    if not isinstance(tolerance, (int, float)) or not tolerance > 0:
        raise SettingsError(f"tolerance={shown(tolerance)}: a number above 0 is needed")
    pieces: list[tuple[Array, Array, Array, bool]] = []
    strokes = zip(ink.starts.tolist(), ink.lasts.tolist(), strict=True)
    for number, (begin, last) in enumerate(strokes):
        if number:
            pieces.append(_jump(ink, begin))
        pending = [(begin, last)]
        while pending:
            low, high = pending.pop()
            handles, s, worst, distance = _fitted(ink.points[low : high + 1], tolerance)
            if distance > tolerance and high - low + 1 >= _SHORTEST:
                pending += [(low + worst, high), (low, low + worst)]
                continue
            pieces.append((ink.points[[low, high]], handles, _time(ink, low, high, s), False))
    if not pieces:
        none = np.empty((0, 2, 2))
        return Curves(none, none, np.empty((0, 3)), np.empty(0, bool))
    ends, handles_, time, in_air = zip(*pieces, strict=True)
    return Curves(np.stack(ends), np.stack(handles_), np.stack(time), np.array(in_air))


def _jump(ink: Ink, begin: int) -> tuple[Array, Array, Array, bool]:
    ends = ink.points[begin - 1 : begin + 1]
    seconds = 0.0 if ink.time is None else float(ink.time[begin] - ink.time[begin - 1])
    return ends, _thirds(ends), np.array([seconds, 0.0, 0.0]), True


def _thirds(ends: Array) -> Array:
    """The handles of a straight curve of even speed, (2, 2)."""
    return np.asarray(ends[0] + np.array([[1 / 3], [2 / 3]]) * (ends[1] - ends[0]))


def _fitted(points: Array, tolerance: float) -> tuple[Array, Array, int, float]:
    """The handles (2, 2) of the curve from the first point to the last, the parameters (n,), the
    number of the inner point furthest from it and how far that is.

    Parameters, by length at first, are refined until it keeps within `tolerance`.
    """
    ends = points[[0, -1]]
    moves = np.diff(points, axis=0)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(moves[:, 0], moves[:, 1]))])
    if len(points) < 3 or along[-1] == 0:
        return _thirds(ends), along / (along[-1] or 1.0), 0, 0.0
    s = along / along[-1]
    # Points are taken from the first and over the length: squares of large numbers lose digits.
    scale = along[-1]
    local = (points - points[0]) / scale
    for refinement in range(_REFINEMENTS + 1):
        basis = _bernstein(s)
        handles = _handles(basis, local)
        control = np.concatenate([local[:1], handles, local[-1:]])
        off = basis @ control - local
        distance = np.hypot(off[1:-1, 0], off[1:-1, 1])
        furthest = distance.max() * scale
        if refinement == _REFINEMENTS or not tolerance < furthest < _NEARLY * tolerance:
            break
        s = _nearer(s, control, off)
    worst = 1 + int(np.argmax(distance))
    return handles * scale + points[0], s, worst, float(distance[worst - 1] * scale)


def _handles(basis: Array, points: Array) -> Array:
    """Least squares of the two inner control points, (2, 2); a third of the way where two points or
    fewer stand between the ends, which do not tell them."""
    inner = basis[:, 1:3]
    if len(points) < _SHORTEST:
        straight = _thirds(points[[0, -1]])
        off = points - basis @ np.concatenate([points[:1], straight, points[-1:]])
        return np.asarray(straight + off[1:-1].sum(0) / (inner[1:-1].sum() or 1.0))
    rest = points - basis[:, [0, 3]] @ points[[0, -1]]
    (a, b), (_, c) = (inner.T @ inner).tolist()
    right = inner.T @ rest
    determinant = a * c - b * b
    if determinant < 1e-12:
        return _thirds(points[[0, -1]])
    inverse = np.array([[c, -b], [-b, a]]) / determinant
    return np.asarray(inverse @ right)


def _nearer(s: Array, control: Array, off: Array) -> Array:
    """Parameters one Newton step nearer to the points; they stay in order, from 0 to 1."""
    first = 3 * np.diff(control, axis=0)
    second = 2 * np.diff(first, axis=0)
    rest = 1 - s
    speed = (rest * rest)[:, None] * first[0] + (2 * rest * s)[:, None] * first[1]
    speed += (s * s)[:, None] * first[2]
    bend = rest[:, None] * second[0] + s[:, None] * second[1]
    slope = (speed * speed + off * bend).sum(1)
    slope[slope < 1e-12] = np.inf
    moved = np.maximum.accumulate(np.clip(s - (off * speed).sum(1) / slope, 0.0, 1.0))
    moved[0], moved[-1] = 0.0, 1.0
    return moved


def _time(ink: Ink, low: int, high: int, s: Array) -> Array:
    """The coefficients of a cubic, without a constant, of the seconds since the curve's begin."""
    if ink.time is None or high == low:
        return np.zeros(3)
    seconds = ink.time[low : high + 1] - ink.time[low]
    if high - low < 3:
        return np.array([seconds[-1], 0.0, 0.0])
    powers = np.stack([s, s**2, s**3], axis=1)
    return np.asarray(np.linalg.lstsq(powers, seconds, rcond=1e-6)[0])


def _bernstein(s: Array) -> Array:
    rest = 1 - s
    basis = np.empty((len(s), 4))
    square, rest_square = s * s, rest * rest
    basis[:, 0] = rest_square * rest
    basis[:, 1] = 3 * s * rest_square
    basis[:, 2] = 3 * square * rest
    basis[:, 3] = square * s
    return basis
