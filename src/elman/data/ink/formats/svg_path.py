"""The `d` of SVG's paths: lines, Bezier curves and arcs as points."""

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

_TOKEN = re.compile(r"[\s,]*([a-zA-Z]|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
_FLAG = re.compile(r"[\s,]*([01])")
_COUNTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_PIECES = 16  # of a curve
Array = NDArray[np.float64]


def path_strokes(d: str, where: str) -> list[Array]:
    """The points (n, 2) of each part of a path; a curve or arc becomes 16 lines.

    >>> [stroke.tolist() for stroke in path_strokes("M1 2h3v4m1 1z", "a.svg")]
    [[[1.0, 2.0], [4.0, 2.0], [4.0, 6.0]], [[5.0, 7.0]]]
    """
    drawer = _Drawer()
    for command, values in _commands(d, where):
        drawer.take(command, values)
    return [np.array(stroke) for stroke in drawer.strokes]


def _commands(d: str, where: str) -> list[tuple[str, list[float]]]:
    """Each command with as many numbers as it takes once."""
    found: list[tuple[str, list[float]]] = []
    place, command = 0, ""
    while d[place:].strip(" \t\r\n,"):
        token = _TOKEN.match(d, place)
        if token is None:
            raise DataError(f"{where}: the path cannot be read from {d[place : place + 20]!r} on")
        if token[1].isalpha():
            command, place = token[1], token.end()
            if command.upper() not in _COUNTS or (not found and command not in "Mm"):
                raise DataError(
                    f"{where}: a path begins with M, and {command!r} is not known there"
                )
            if command in "Zz":
                found.append((command, []))
                continue
        elif not command or command in "Zz":
            raise DataError(f"{where}: a number stands in the path without a command")
        values = []
        for n in range(_COUNTS[command.upper()]):
            # The two flags of an arc may stand without a space before the next number.
            pattern = _FLAG if command in "Aa" and n in (3, 4) else _TOKEN
            number = pattern.match(d, place)
            if number is None or number[1].isalpha():
                raise DataError(
                    f"{where}: {command} in a path takes {_COUNTS[command.upper()]} numbers"
                )
            values.append(float(number[1]))
            place = number.end()
        found.append((command, values))
        command = {"M": "L", "m": "l"}.get(command, command)
    return found


class _Drawer:
    """Follows the commands of a path."""

    def __init__(self) -> None:
        self.strokes: list[list[Array]] = []
        self.here = np.zeros(2)
        self.begin = np.zeros(2)
        self.handle: Array | None = None  # the last one of the curve before
        self.last = ""

    def take(self, command: str, values: list[float]) -> None:
        name = command.upper()
        origin = self.here if command.islower() else np.zeros(2)
        if name == "M":
            self.here = self.begin = origin + values
            self.strokes.append([self.here])
        elif name == "Z":
            if len(self.strokes[-1]) > 1:
                self._to(self.begin)
            self.here = self.begin
        else:
            if self.last == "Z":  # goes on from where the closed part began
                self.strokes.append([self.here])
            self._draw(name, values, origin)
        if name not in "CSQT":
            self.handle = None
        self.last = name

    def _draw(self, name: str, values: list[float], origin: Array) -> None:
        if name == "H":
            self._to(np.array([origin[0] + values[0], self.here[1]]))
        elif name == "V":
            self._to(np.array([self.here[0], origin[1] + values[0]]))
        elif name == "A":
            self._arc(values, origin + values[5:])
        else:
            points = [origin + values[i : i + 2] for i in range(0, len(values), 2)]
            if name in "ST":
                is_same = self.last in ("CS" if name == "S" else "QT")
                reflected = (
                    2 * self.here - self.handle
                    if is_same and self.handle is not None
                    else self.here
                )
                points = [reflected, *points]
            if name != "L":
                self.handle = points[-2]
            self._bezier([self.here, *points])

    def _to(self, point: Array) -> None:
        self.strokes[-1].append(point)
        self.here = point

    def _bezier(self, control: list[Array]) -> None:
        """A curve of any degree, by de Casteljau; of degree 1 its end alone."""
        shares = np.linspace(0, 1, _PIECES + 1)[1:, None] if len(control) > 2 else np.ones((1, 1))
        level = [point[None, :] for point in control]
        while len(level) > 1:
            level = [a + shares * (b - a) for a, b in pairwise(level)]
        drawn = level[0]
        drawn[-1] = control[-1]
        for point in drawn:
            self._to(point)

    def _arc(self, values: list[float], end: Array) -> None:
        """An arc of an ellipse by its ends, as SVG 1.1 finds its middle (appendix F.6)."""
        rx, ry, turn, is_large, is_positive = abs(values[0]), abs(values[1]), *values[2:5]
        if not rx or not ry or (self.here == end).all():
            self._to(end)
            return
        angle = np.radians(turn)
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        half = axes.T @ ((self.here - end) / 2)
        excess = (half[0] / rx) ** 2 + (half[1] / ry) ** 2
        if excess > 1:
            rx, ry = rx * np.sqrt(excess), ry * np.sqrt(excess)
        radii = np.array([rx, ry])
        below = (rx * half[1]) ** 2 + (ry * half[0]) ** 2
        share = np.sqrt(max(0.0, (rx * ry) ** 2 / below - 1))
        share = -share if bool(is_large) == bool(is_positive) else share
        middle = share * np.array([rx * half[1] / ry, -ry * half[0] / rx])
        first = np.arctan2(*((half - middle) / radii)[::-1])
        last = np.arctan2(*((-half - middle) / radii)[::-1])
        sweep = (last - first) % (2 * np.pi)
        if not is_positive and sweep > 0:
            sweep -= 2 * np.pi
        angles = first + sweep * np.linspace(0, 1, _PIECES + 1)[1:, None]
        circle = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        drawn = (middle + circle * radii) @ axes.T + (self.here + end) / 2
        drawn[-1] = end
        for point in drawn:
            self._to(point)
