"""Samples of sound as they arrive: integers scaled, NaN and other scales noticed."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

_MOST = 4.0  # of full scale 1; float files may exceed it a little
_WIDTHS = (8, 16, 24, 32)


def checked(given: Any, name: str) -> NDArray[np.float32]:
    """Samples (N,) as float32; `DataError` if they are of another shape, NaN or infinite.

    Integers of 8, 16 and 32 bits are scaled by the full range of their type; unsigned bytes, as in
    WAV files, have their middle at 128.

    >>> checked(np.array([0, 64, 128, 192], np.uint8), "a").tolist()
    [-1.0, -0.5, 0.0, 0.5]
    """
    samples: NDArray[np.float32] = as_float(as_array(given, name), name)
    if samples.ndim != 1 or not len(samples):
        hint = "; mix the channels, or give one of them" if samples.ndim == 2 else ""
        raise DataError(f"{name}: samples of shape {samples.shape} where (N,) is needed{hint}")
    wrong = np.flatnonzero(~np.isfinite(samples))
    if len(wrong):
        raise DataError(
            f"{name}: {len(wrong)} of {len(samples)} samples are NaN or infinite, the first at"
            f" {wrong[0]}"
        )
    return samples


def as_array(samples: Any, name: str) -> NDArray[Any]:
    """Whatever numpy makes an array of; `DataError` where it makes none."""
    try:
        return np.asarray(samples)
    except Exception as error:  # whatever an object's own conversion raises
        raise DataError(
            f"{name}: no array can be made of a {type(samples).__name__}: {error}"
        ) from None


def as_float(samples: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Samples as contiguous float32, integers scaled to -1 to 1."""
    kind, width = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "f":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(samples, np.float32)
    if kind == "i" and width <= 32:
        return np.ascontiguousarray(samples / 2.0 ** (width - 1), np.float32)
    if kind == "u" and width == 8:
        return np.ascontiguousarray(samples / 128.0 - 1, np.float32)
    raise DataError(
        f"{name}: samples of type {samples.dtype} where floats from -1 to 1 or integers of 8, 16"
        " or 32 bits are needed; convert them, as 16-bit integers by astype('int16')"
    )


def scale_problem(samples: NDArray[np.float32]) -> str | None:
    """Why samples (N,) are plainly not in -1 to 1, and what would do; None if they may be.

    >>> scale_problem(np.array([3.0, -12000.0], np.float32))
    'samples reach 1.2e+04, where full scale is 1: divide 16-bit integers by 32768'
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if not math.isfinite(peak):
        return None
    are_integers = peak > 1 and bool((samples == np.round(samples)).all())
    if peak <= _MOST and not (are_integers and peak > 1):
        return None
    width = next((width for width in _WIDTHS if peak <= 2.0 ** (width - 1)), None)
    if not are_integers or width is None:
        hint = "divide by what full scale is"
    elif width == 8:
        hint = "divide 16-bit integers by 32768, 8-bit ones by 128"
    else:
        hint = f"divide {width}-bit integers by {2 ** (width - 1)}"
    return f"samples reach {peak:.3g}, where full scale is 1: {hint}"
