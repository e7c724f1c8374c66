"""More from the same handwriting: turned, slanted, larger, faster, noisy, without a stroke."""

from dataclasses import replace

import numpy as np

from elman.data.arguments import check_number
from elman.data.ink.ink import Ink
from elman.data.ink.preparation import rotated, scaled, sheared, taken
from elman.data.values import shown
from elman.errors import SettingsError


def augmented(
    ink: Ink,
    random: np.random.Generator,
    *,
    rotation: float = 0.0,
    shear: float = 0.0,
    scale: float = 0.0,
    speed: float = 0.0,
    noise: float = 0.0,
    stroke_drop: float = 0.0,
) -> Ink:
    """The ink as the same hand might have written it another time.

    **Arguments:**

    - `random`: `numpy.random.default_rng(seed)`.
    - `rotation`, `shear`: the most degrees either way, drawn evenly; see `rotated`, `sheared`.
    - `scale`: 0.2 draws a factor between 1/1.2 and 1.2 for both directions, and another of a
      quarter of that for x alone.
    - `speed`: 0.2 draws a factor between 1/1.2 and 1.2 that time is divided by.
    - `noise`: standard deviation added to each point, over the longer side of the box.
    - `stroke_drop`: the chance of each stroke to be left out; one at least stays.

    >>> ink = Ink.of_strokes([[(0, 0), (0, 9)]])
    >>> other = augmented(ink, np.random.default_rng(0), rotation=10, scale=0.1, noise=0.01)
    >>> other.points.shape, bool((other.points != ink.points).any())
    ((2, 2), True)
    """
    if not isinstance(random, np.random.Generator):
        raise SettingsError(f"random={shown(random)}: a numpy.random.Generator is needed")
    check_number("rotation", rotation, 0, 360)
    check_number("shear", shear, 0, 80)
    for name, value in (("scale", scale), ("speed", speed), ("noise", noise)):
        check_number(name, value, 0, 100)
    check_number("stroke_drop", stroke_drop, 0, 1)
    if not len(ink):
        return ink
    if stroke_drop:
        ink = _without_strokes(ink, random, stroke_drop)
    if shear:
        ink = sheared(ink, random.uniform(-shear, shear))
    if rotation:
        ink = rotated(ink, random.uniform(-rotation, rotation))
    if scale:
        widest = np.log1p(scale)
        both, wider = np.exp(random.uniform(-widest, widest, 2) * [1, 0.25])
        ink = scaled(ink, float(both * wider), float(both))
    if speed and ink.time is not None:
        widest = np.log1p(speed)
        ink = replace(ink, time=ink.time / np.exp(random.uniform(-widest, widest)))
    if noise:
        side = float(np.ptp(ink.points, axis=0).max())
        ink = ink.placed(ink.points + random.normal(0.0, noise * side, ink.points.shape))
    return ink


def _without_strokes(ink: Ink, random: np.random.Generator, share: float) -> Ink:
    strokes = len(ink.starts)
    is_kept = random.random(strokes) >= share
    is_kept[random.integers(strokes)] |= not is_kept.any()
    if is_kept.all():
        return ink
    return taken(ink, is_kept[np.cumsum(ink.is_start) - 1])
