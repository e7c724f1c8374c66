"""What a network reads of handwriting: a vector for each step of the pen or for each curve."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from elman.data.ink.curves import curves_of
from elman.data.ink.ink import Ink
from elman.data.values import shown
from elman.errors import DataError, SettingsError

Kind = Literal["delta", "curve"]
_STEP = ("dx", "dy", "cosine", "sine", "in air", "x in box", "y in box", "width", "height")
_CURVE = (
    *("dx", "dy", "first handle", "second handle", "first angle", "second angle"),
    *("first of time", "second of time", "third of time", "in air"),
)


def feature_names(
    kind: Kind = "delta", *, place: bool = False, pressure: bool = False, time: bool = False
) -> list[str]:
    """The names of the features in their order; see `ink_features`.

    >>> feature_names("delta", time=True)[-2:]
    ['height', 'seconds']
    """
    if kind not in ("delta", "curve"):
        raise SettingsError(f"kind={shown(kind)}: delta or curve is needed")
    if kind == "curve":
        return list(_CURVE)
    return [
        *_STEP,
        *(["x", "y"] if place else []),
        *(["pressure"] if pressure else []),
        *(["seconds"] if time else []),
    ]


def ink_features(
    ink: Ink,
    kind: Kind = "delta",
    *,
    place: bool = False,
    pressure: bool = False,
    time: bool = False,
    tolerance: float = 0.02,
) -> NDArray[np.float32]:
    """Features of ink as it is, (T, F) float32; prepare it first, see `resampled` and `normalised`.

    "delta" gives a row for each point, the step that led to it. The step to a stroke's first point
    is the jump from the stroke before it; to the ink's first point it is of length 0.

    | column | feature |
    |---|---|
    | 0, 1 | dx, dy, in the ink's own unit; y downwards |
    | 2, 3 | cosine and sine of the step's direction; both 0 where the pen stands still |
    | 4 | 1 where the pen was in the air: a jump; else 0 |
    | 5, 6 | the point's place from the middle of the ink's box, over its longer side |
    | 7, 8 | width and height of that box in the ink's own unit, the same in all rows |
    | then | `place`: x and y as they are; `pressure`: 0 to 1; `time`: seconds of the step |

    "curve" gives a row for each cubic Bezier curve that the strokes are cut into (Carbune et al.,
    Fast multi-language LSTM-based online handwriting recognition, 2020), and for each jump a
    straight one.

    | column | feature |
    |---|---|
    | 0, 1 | dx, dy from its first point to its last, in the ink's own unit |
    | 2, 3 | how far the two handles are from the point next to them, over the length of (dx, dy) |
    | 4, 5 | the angles there between the handle and the line from end to end, radians |
    | 6, 7, 8 | seconds as a cubic of the curve's parameter: its coefficients; 0 without time |
    | 9 | 1 for a jump; else 0 |

    `tolerance` is how far a curve may be from a point, in the ink's own unit; only "curve" has it,
    and it has none of `place`, `pressure` and `time`.

    Raises `DataError` where `pressure` or `time` is wanted of ink that has none.

    >>> features = ink_features(Ink.of_strokes([[(0, 0), (0, 4)], [(3, 4)]]))
    >>> features[:, :5].tolist()
    [[0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 4.0, 0.0, 1.0, 0.0], [3.0, 0.0, 1.0, 0.0, 1.0]]
    """
    names = feature_names(kind, place=place, pressure=pressure, time=time)
    if kind == "curve":
        if place or pressure or time:
            raise SettingsError("kind='curve' has no place, pressure or time features of its own")
        return _of_curves(ink, tolerance)
    for name, is_wanted in (("pressure", pressure), ("time", time)):
        if is_wanted and getattr(ink, name) is None:
            raise DataError(f"the ink has no {name}, which the features need")
    features = np.zeros((len(ink), len(names)), np.float32)
    if not len(ink):
        return features
    moves = np.zeros_like(ink.points)
    moves[1:] = ink.points[1:] - ink.points[:-1]
    lengths = np.hypot(moves[:, 0], moves[:, 1])
    low, high = ink.points.min(0), ink.points.max(0)
    extent = high - low
    features[:, :2] = moves
    features[:, 2:4] = moves / np.where(lengths > 0, lengths, 1.0)[:, None]
    features[:, 4] = ink.is_start
    features[:, 5:7] = (ink.points - (low + extent / 2)) / (extent.max() or 1.0)
    features[:, 7:9] = extent
    column = len(_STEP)
    if place:
        features[:, column : column + 2] = ink.points
        column += 2
    if pressure:
        features[:, column] = ink.pressure
        column += 1
    if time:
        assert ink.time is not None
        features[:, column] = np.diff(ink.time, prepend=ink.time[:1])
    return features


def _of_curves(ink: Ink, tolerance: float) -> NDArray[np.float32]:
    curves = curves_of(ink, tolerance)
    first, second = curves.handles[:, 0], curves.handles[:, 1]
    chord = curves.ends[:, 1] - curves.ends[:, 0]
    length = np.hypot(chord[:, 0], chord[:, 1])
    scale = np.where(length > 0, length, 1.0)
    out, back = first - curves.ends[:, 0], second - curves.ends[:, 1]
    features = np.zeros((len(chord), len(_CURVE)), np.float32)
    features[:, :2] = chord
    features[:, 2] = np.hypot(out[:, 0], out[:, 1]) / scale
    features[:, 3] = np.hypot(back[:, 0], back[:, 1]) / scale
    features[:, 4] = _angle(chord, out)
    features[:, 5] = _angle(-chord, back)
    features[:, 6:9] = curves.time
    features[:, 9] = curves.in_air
    return features


def _angle(base: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """From one vector to another, (N,), -pi to pi."""
    cross = base[:, 0] * other[:, 1] - base[:, 1] * other[:, 0]
    angle: NDArray[np.float64] = np.arctan2(cross, (base * other).sum(1))
    return angle
