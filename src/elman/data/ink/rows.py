"""Ink of columns of numbers, as files of points hold them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.data.ink.ink import Ink
from elman.errors import DataError


def ink_of_rows(
    columns: Mapping[str, NDArray[np.float64]],
    starts: ArrayLike,
    *,
    upwards: bool = False,
    unit: float | None = None,
    full_pressure: float | None = None,
) -> Ink:
    """Ink of the columns x, y and, where given, time (s), pressure, azimuth and altitude (radians).

    **Arguments:**

    - `columns`: name -> (N,).
    - `starts`: the number of each stroke's first point.
    - `upwards`: whether y grows upwards in the source; it is turned.
    - `full_pressure`: what the pressure is divided by; its largest value if None and that is
    """
    for name in ("x", "y"):
        if name not in columns:
            raise DataError(f"the points have no column {name}: there are {', '.join(columns)}")
    y = columns["y"]
    points = np.stack([columns["x"], -y if upwards else y], axis=1)
    time, pressure = columns.get("time"), columns.get("pressure")
    if time is not None and len(time):
        time = time - time[0]
    if pressure is not None and len(pressure):
        pressure = _unit_pressure(pressure, full_pressure)
    return Ink(
        points,
        np.asarray(starts, np.int64),
        time,
        pressure,
        columns.get("azimuth"),
        columns.get("altitude"),
        unit,
    )


def starts_of_pen(is_down: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows are kept, those with the pen down, (N,), and where strokes begin among them.

    >>> kept, starts = starts_of_pen(np.array([False, True, True, False, True]))
    >>> starts.tolist()
    [0, 2]
    """
    begins = is_down & ~np.concatenate([[False], is_down[:-1]])
    return is_down, np.flatnonzero(begins[is_down])


def _unit_pressure(pressure: NDArray[np.float64], full: float | None) -> NDArray[np.float64] | None:
    if not np.isfinite(pressure).all() or pressure.min() < 0:
        raise DataError("pressure has a value that is below 0, NaN or infinite")
    if full is None:
        full = max(1.0, float(pressure.max()))
    return np.minimum(pressure / full, 1.0)
