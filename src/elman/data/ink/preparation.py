"""Handwriting made alike: even steps, smooth lines, upright, of one size. All are functions of ink.

Coordinates are as in `Ink`: y grows downwards.
"""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number
from elman.data.checks import whole
from elman.data.ink.ink import Array, Ink
from elman.data.values import shown
from elman.errors import DataError, SettingsError

Size = Literal["height", "box", "none"]
_MOST_POINTS = 1_000_000
_WIDEST = 64  # heights; wider ink is scaled by its width: a lone dash has next to no height
_NEAR_VERTICAL = np.pi / 4


def resampled(ink: Ink, step: float) -> Ink:
    """Points at even distances along each stroke, about `step` apart.

    Each stroke's first and last point are kept; the distance between is its length divided by the
    whole number of steps nearest to `length / step`, at least one. A stroke that stays in one place
    becomes one point. Time, pressure and angles are interpolated.

    Raises `DataError` where there would be more than a million points.

    >>> resampled(Ink.of_strokes([[(0, 0), (1, 0), (8, 0)], [(9, 9)]]), 4.0).points.tolist()
    [[0.0, 0.0], [4.0, 0.0], [8.0, 0.0], [9.0, 9.0]]
    """
    _check_positive("step", step)
    return _resampled(ink, distances(ink), step)


def resampled_in_time(ink: Ink, seconds: float) -> Ink:
    """Points at even times within each stroke, about `seconds` apart; ends are kept.

    Raises `DataError` where the ink has no time or it runs back.

    >>> ink = Ink.of_strokes([[(0, 0), (4, 0)]], time=np.array([0, 0.2]))
    >>> resampled_in_time(ink, 0.1).points.tolist()
    [[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]
    """
    _check_positive("seconds", seconds)
    if ink.time is None:
        raise DataError("the ink has no time: resample it by arc length")
    steps = np.diff(ink.time, prepend=ink.time[:1])
    if (steps < 0).any():
        raise DataError(f"the time decreases at point {int(np.argmax(steps < 0))} of the ink")
    steps[ink.starts] = 0.0
    return _resampled(ink, steps, seconds)


def distances(ink: Ink) -> Array:
    """From each point's predecessor in its stroke, (N,); 0 at its first point."""
    moves = ink.points[1:] - ink.points[:-1]
    distances = np.zeros(len(ink))
    np.hypot(moves[:, 0], moves[:, 1], out=distances[1:])
    distances[ink.starts] = 0.0
    return distances


def smoothed(ink: Ink, times: int = 1) -> Ink:
    """Each point averaged with its neighbours in the stroke, weights 1/4, 1/2, 1/4, `times` over.

    The ends of strokes stay. Meant for points at even distances, see `resampled`.

    >>> smoothed(Ink.of_strokes([[(0, 0), (1, 4), (2, 0)]])).points.tolist()
    [[0.0, 0.0], [1.0, 2.0], [2.0, 0.0]]
    """
    inner = ~ink.is_start
    inner[ink.lasts] = False
    points, places = ink.points, np.flatnonzero(inner)
    for _ in range(whole(times, "times")):
        mean = points[places - 1] / 4 + points[places] / 2 + points[places + 1] / 4
        points = points.copy()
        points[places] = mean
    return ink.placed(points)


def without_duplicates(ink: Ink) -> Ink:
    """Only the first of several points in a row at one place of a stroke.

    >>> without_duplicates(Ink.of_strokes([[(0, 0), (0, 0), (1, 0)]])).points.tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    is_new = ink.is_start
    is_new[1:] |= (np.diff(ink.points, axis=0) != 0).any(1)
    return taken(ink, is_new)


def taken(ink: Ink, kept: NDArray[np.bool_]) -> Ink:
    """Only some of the points, (N,); strokes of which none is left are gone."""
    stroke = np.cumsum(ink.is_start)[kept]
    starts = np.flatnonzero(np.diff(stroke, prepend=0))
    chosen: dict[str, Any] = {name: getattr(ink, name)[kept] for name in ink.channels}
    return replace(ink, points=ink.points[kept], starts=starts, **chosen)


def rotated(ink: Ink, degrees: float) -> Ink:
    """Turned about the middle of its box, clockwise as it is seen; the pen's azimuth with it.

    >>> rotated(Ink.of_strokes([[(0, 0), (2, 0)]]), 90).points.round(9).tolist()
    [[1.0, -1.0], [1.0, 1.0]]
    """
    check_number("degrees", degrees)
    if not len(ink):
        return ink
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = _middle(ink)
    turned = ink.placed((ink.points - middle) @ turn + middle)
    if ink.azimuth is None:
        return turned
    return replace(turned, azimuth=np.mod(ink.azimuth + angle, 2 * np.pi))


def sheared(ink: Ink, degrees: float) -> Ink:
    """Slanted about the middle of its box: upright lines lean to the right by so many degrees.

    >>> sheared(Ink.of_strokes([[(0, 0), (0, 2)]]), 45).points.round(9).tolist()
    [[1.0, 0.0], [-1.0, 2.0]]
    """
    check_number("degrees", degrees, -89, 89)
    if not len(ink):
        return ink
    points = ink.points.copy()
    points[:, 0] -= np.tan(np.radians(degrees)) * (points[:, 1] - _middle(ink)[1])
    return ink.placed(points)


def slant_of(ink: Ink) -> float:
    """By how many degrees the writing leans to the right: the mean of all parts within 45 degrees
    of upright, each by its length; 0 where there is none.

    >>> round(slant_of(Ink.of_strokes([[(1, 0), (0, 2), (9, 2)]])), 1)
    26.6
    """
    moves = np.diff(ink.points, axis=0)[~ink.is_start[1:]]
    lengths = np.hypot(moves[:, 0], moves[:, 1])
    upright = (np.abs(moves[:, 0]) < np.abs(moves[:, 1])) & (lengths > 0)
    if not upright.any():
        return 0.0
    angles = np.arctan(-moves[upright, 0] / moves[upright, 1])
    return float(np.degrees(np.average(angles, weights=lengths[upright])))


def without_slant(ink: Ink) -> Ink:
    """Sheared so that the writing stands upright; see `slant_of`.

    >>> without_slant(Ink.of_strokes([[(2, 0), (0, 2)]])).points.round(9).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    return sheared(ink, -slant_of(ink))


def scaled(ink: Ink, x: float, y: float | None = None) -> Ink:
    """Coordinates times `x`, and those downwards times `y` if it is given.

    The unit is divided by it, and None where the two differ.

    >>> scaled(Ink.of_strokes([[(1, 1)]], unit=0.1), 2).unit
    0.05
    """
    y = x if y is None else y
    for name, value in (("x", x), ("y", y)):
        _check_positive(name, value)
    unit = ink.unit / x if ink.unit is not None and x == y else None
    return replace(ink, points=ink.points * [x, y], unit=unit)


def normalised(ink: Ink, size: Size = "height") -> Ink:
    """Moved so that its box begins at (0, 0), and scaled, without distortion.

    **Arguments:**

    - `size`: "height": to a height of 1 (where that would make it wider than 64, to that width);
      "box": to a longer side of 1; "none": not scaled. Ink of one place is not scaled.

    >>> normalised(Ink.of_strokes([[(5, 5), (9, 7)]]), "box").points.tolist()
    [[0.0, 0.0], [1.0, 0.5]]
    """
    if size not in ("height", "box", "none"):
        raise SettingsError(f"size={shown(size)}: height, box or none is needed")
    if not len(ink):
        return ink
    left, top, right, bottom = ink.box
    moved = ink.placed(ink.points - [left, top])
    width, height = right - left, bottom - top
    side = {"height": max(height, width / _WIDEST), "box": max(width, height), "none": 1.0}[size]
    return moved if side == 0 else scaled(moved, 1 / side)


def curvature(ink: Ink) -> Array:
    """By how many radians the line turns at each point, -pi to pi, clockwise above 0, (N,).

    0 at the ends of strokes and where the pen stands still.

    >>> curvature(Ink.of_strokes([[(0, 0), (1, 0), (1, 1)]])).round(3).tolist()
    [0.0, 1.571, 0.0]
    """
    turns = np.zeros(len(ink))
    if len(ink) < 3:
        return turns
    before, after = np.diff(ink.points, axis=0)[:-1], np.diff(ink.points, axis=0)[1:]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turns[1:-1] = np.arctan2(cross, (before * after).sum(1))
    turns[ink.starts] = turns[ink.lasts] = 0.0
    return turns


def _middle(ink: Ink) -> Array:
    middle: Array = (ink.points.min(0) + ink.points.max(0)) / 2
    return middle


def _resampled(ink: Ink, moves: Array, step: float) -> Ink:
    """At even values of the sum of `moves`, (N,) from 0 up, within each stroke."""
    if not len(ink):
        return ink
    lasts = ink.lasts
    along = np.cumsum(moves)
    lengths = along[lasts] - along[ink.starts]
    steps = np.maximum(np.rint(lengths / step), 1.0)
    steps[(ink.points[lasts] == ink.points[ink.starts]).all(1) & (lengths == 0)] = 0
    if (total := steps.sum()) + len(steps) > _MOST_POINTS:
        raise DataError(
            f"steps of {step:g} would make {total:.3g} points: take larger steps, or scale the ink"
        )
    counts = steps.astype(np.int64) + 1
    starts = np.cumsum(counts) - counts
    stroke = np.repeat(np.arange(len(counts)), counts)
    share = (np.arange(len(stroke)) - starts[stroke]) / np.maximum(steps, 1)[stroke]
    # Strokes lie apart on one axis, so that none runs into the next.
    gaps = step * np.arange(len(counts))
    wanted = (along[ink.starts] + gaps)[stroke] + share * lengths[stroke]
    given = along + gaps[np.cumsum(ink.is_start) - 1]
    places = np.interp(wanted, given, np.arange(len(ink)))
    places = np.clip(places, ink.starts[stroke], lasts[stroke])
    places[starts] = ink.starts
    is_moving = steps > 0
    places[(starts + counts - 1)[is_moving]] = lasts[is_moving]
    left = places.astype(np.int64)
    right, weight = np.minimum(left + 1, len(ink) - 1), places - left

    def between(values: Array) -> Array:
        low = values[left]
        share = weight if values.ndim == 1 else weight[:, None]
        found: Array = low + share * (values[right] - low)
        return found

    changed: dict[str, Any] = {name: between(getattr(ink, name)) for name in ink.channels}
    if ink.azimuth is not None:
        changed["azimuth"] = np.mod(between(np.unwrap(ink.azimuth)), 2 * np.pi)
    return replace(ink, points=between(ink.points), starts=starts, **changed)


def _check_positive(name: str, value: float) -> None:
    check_number(name, value, 0, 1e300)
    if value <= 0:
        raise SettingsError(f"{name}={shown(value)}: a number above 0 is needed")
