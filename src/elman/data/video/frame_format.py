"""What frames shall be: their rate, size, colours, and how they are brought to that size."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number
from elman.data.values import shown
from elman.errors import DataError, SettingsError

Fit = Literal["resize", "crop", "letterbox"]
Frame = NDArray[np.uint8]
_FITS = ("resize", "crop", "letterbox")
_LARGEST_SIDE = 16384


@dataclass(frozen=True)
class FrameFormat:
    """The form of decoded frames, uint8 (height, width, channels).

    **Fields:**

    - `rate`: frames a second; None for every frame that there is.
    - `size`: (height, width) in pixels; None for the source's.
    - `grey`: one channel instead of red, green and blue.
    - `fit`: how frames of another shape come to `size`: "resize" changes both sides on their own,
      "crop" cuts off what is too long in the middle of the picture, "letterbox" adds black bars.
    """

    rate: float | None = None
    size: tuple[int, int] | None = None
    grey: bool = False
    fit: Fit = "resize"

    @classmethod
    def of(cls, rate: Any, size: Any, grey: Any, fit: Any) -> "FrameFormat":
        """The format of arguments as users give them; `size` may be the side of a square.

        >>> FrameFormat.of(10, 32, False, "crop").size
        (32, 32)
        """
        if rate is not None:
            check_number("rate", rate, 1e-4, 1e5)
        if not isinstance(grey, bool):
            raise SettingsError(f"grey={shown(grey)}: True or False is needed")
        if fit not in _FITS:
            raise SettingsError(f"fit={shown(fit)}: {', '.join(_FITS)} are possible")
        return cls(None if rate is None else float(rate), sides_of(size), grey, fit)

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.grey else 3

    def geometry(self, height: int, width: int) -> "Geometry":
        """How frames of a size come to the wanted one."""
        if self.size is None:
            return Geometry((height, width), (0, 0), (height, width))
        if self.fit == "resize":
            return Geometry(self.size, (0, 0), self.size)
        choose = max if self.fit == "crop" else min
        scale = choose(self.size[0] / height, self.size[1] / width)
        scaled = max(1, round(height * scale)), max(1, round(width * scale))
        above, left = ((s - w) // 2 for s, w in zip(scaled, self.size, strict=True))
        return Geometry(scaled, (above, left), self.size)


@dataclass(frozen=True)
class Geometry:
    """A picture scaled to `scaled`, of which the window at `corner` of `size` is kept.

    A window that reaches beyond the picture is black there.
    """

    scaled: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, int]

    def window(self, picture: Frame) -> Frame:
        """The window of a picture that is scaled already, (height, width, channels)."""
        if self.scaled == self.size:
            return picture
        out = np.zeros((*self.size, picture.shape[2]), np.uint8)
        begin = [max(0, corner) for corner in self.corner]
        count = [min(s, w) for s, w in zip(self.scaled, self.size, strict=True)]
        to = [max(0, -corner) for corner in self.corner]
        out[to[0] : to[0] + count[0], to[1] : to[1] + count[1]] = picture[
            begin[0] : begin[0] + count[0], begin[1] : begin[1] + count[1]
        ]
        return out


def is_rate(rate: float, wanted: float) -> bool:
    """Whether a rate is the wanted one, which may have been rounded to six figures.

    >>> is_rate(1 / 300, 0.00333333), is_rate(30, 29.97)
    (True, False)
    """
    return math.isclose(rate, wanted, rel_tol=1e-5)


def sides_of(size: Any, argument: str = "size") -> tuple[int, int] | None:
    """(height, width) of one number or two; `SettingsError` names the argument.

    >>> sides_of(3), sides_of([3, 4]), sides_of(None)
    ((3, 3), (3, 4), None)
    """
    if size is None:
        return None
    sides = (size, size) if isinstance(size, (int, np.integer)) else size
    is_pair = isinstance(sides, (tuple, list)) and len(sides) == 2
    if not is_pair or not all(
        isinstance(side, (int, np.integer))
        and not isinstance(side, bool)
        and 1 <= side <= _LARGEST_SIDE
        for side in sides
    ):
        raise SettingsError(
            f"{argument}={shown(size)}: (height, width) in pixels, or one number for both, from 1"
            f" to {_LARGEST_SIDE:,}, is needed"
        )
    return int(sides[0]), int(sides[1])


def formatted(picture: Frame, wanted: FrameFormat) -> Frame:
    """A picture, (H, W, 1, 3 or 4) uint8, in the wanted size and colours.

    A fourth channel is the alpha: the picture is laid over black.

    >>> picture = np.full((4, 8, 3), 200, np.uint8)
    >>> formatted(picture, FrameFormat(size=(4, 4), grey=True, fit="letterbox"))[:, 0, 0].tolist()
    [0, 200, 200, 0]
    """
    if picture.shape[2] == 4:
        picture = over_black(picture)
    if wanted.grey and picture.shape[2] == 3:
        picture = _grey(picture)
    geometry = wanted.geometry(*picture.shape[:2])
    if geometry.scaled != picture.shape[:2]:
        picture = resized(picture, geometry.scaled)
    picture = geometry.window(picture)
    if not wanted.grey and picture.shape[2] == 1:
        picture = np.repeat(picture, 3, axis=2)
    return np.ascontiguousarray(picture)


def over_black(picture: Frame) -> Frame:
    """Red, green, blue and alpha, (H, W, 4), as what is seen over black, (H, W, 3)."""
    alpha = picture[:, :, 3:].astype(np.uint16)
    return ((picture[:, :, :3] * alpha + 127) // 255).astype(np.uint8)


def resized(picture: Frame, size: tuple[int, int]) -> Frame:
    """A picture, (H, W, 1 or 3), in another size: means of areas, or between pixels if larger."""
    from PIL import Image

    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    is_smaller = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    method = Image.Resampling.BOX if is_smaller else Image.Resampling.BILINEAR
    found = np.asarray(image.resize((size[1], size[0]), method))
    return found.reshape(*size, picture.shape[2])


def as_frames(values: Any, name: str) -> Frame:
    """An array of frames as uint8, (T, H, W, C).

    (T, H, W) is grey; C is 1, 3 or 4 (alpha). uint16 is brought from 65,535 to 255; other integers
    must be from 0 to 255; floats from 0 to 1; True is white.

    Raises `DataError`, with `name`, for all else.

    >>> as_frames(np.ones((5, 4, 4)), "a clip").shape
    (5, 4, 4, 1)
    """
    array = np.asarray(values)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4):
        raise DataError(
            f"{name} is of shape {np.shape(values)}: (T, H, W) or (T, H, W, C) with C 1, 3 or 4 is"
            " needed"
        )
    if 0 in array.shape:
        raise DataError(f"{name} has no frames: its shape is {np.shape(values)}")
    return _as_bytes(array, name)


def _as_bytes(array: NDArray[Any], name: str) -> Frame:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} is of type {array.dtype}: pixels are numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{name} has pixels that are NaN or infinite")
    most = 1 if array.dtype.kind in "bf" else 255
    low, high = array.min(), array.max()
    if low < 0 or high > most:
        raise DataError(
            f"{name} has pixels from {low:g} to {high:g}: {array.dtype} must be from 0 to {most}"
        )
    return np.rint(array * (255.0 / most)).astype(np.uint8)


def _grey(picture: Frame) -> Frame:
    weights = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587 and 0.114 of 65,536
    return ((picture @ weights + 32768) >> 16).astype(np.uint8)[..., None]
