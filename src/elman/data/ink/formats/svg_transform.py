"""The `transform` of SVG's elements as a matrix."""

import re

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

IDENTITY = np.eye(3)
_FUNCTION = re.compile(r"\s*,?\s*(\w+)\s*\(([^)]*)\)")
_COUNTS = {
    "matrix": (6,),
    "translate": (1, 2),
    "scale": (1, 2),
    "rotate": (1, 3),
    "skewX": (1,),
    "skewY": (1,),
}


def transform_of(text: str, where: str) -> NDArray[np.float64]:
    """The matrix (3, 3) of a list of transforms, as `translate(3 4) scale(2)`.

    >>> transform_of("translate(3 4) scale(2)", "a.svg")[0].tolist()
    [2.0, 0.0, 3.0]
    """
    matrix, place = IDENTITY, 0
    while text[place:].strip():
        found = _FUNCTION.match(text, place)
        if found is None:
            raise DataError(f"{where}: transform={text!r:.60} is not a list of functions")
        place = found.end()
        name = found[1]
        try:
            values = [float(value) for value in re.split(r"[\s,]+", found[2].strip()) if value]
        except ValueError:
            values = []
        if len(values) not in _COUNTS.get(name, ()):
            raise DataError(f"{where}: transform {found[0].strip()!r:.60} is not known")
        matrix = matrix @ _matrix(name, values)
    return matrix


def _matrix(name: str, values: list[float]) -> NDArray[np.float64]:
    if name == "rotate" and len(values) == 3:
        there, back = (
            _matrix("translate", values[1:]),
            _matrix("translate", [-v for v in values[1:]]),
        )
        around: NDArray[np.float64] = there @ _matrix("rotate", values[:1]) @ back
        return around
    first, second = values[0], values[-1]
    angle = np.radians(first)
    six = {
        "matrix": values,
        "translate": [1, 0, 0, 1, first, second if len(values) == 2 else 0],
        "scale": [first, 0, 0, second, 0, 0],
        "rotate": [np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle), 0, 0],
        "skewX": [1, 0, np.tan(angle), 1, 0, 0],
        "skewY": [1, np.tan(angle), 0, 1, 0, 0],
    }[name]
    a, b, c, d, e, f = six
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]], np.float64)
