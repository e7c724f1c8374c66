"""A piece of video, decoded when its frames are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number
from elman.data.text.files import is_there
from elman.data.values import shown
from elman.data.video import decode, pictures
from elman.data.video.decode import Timed, steady
from elman.data.video.frame_format import (
    Fit,
    Frame,
    FrameFormat,
    as_frames,
    formatted,
    is_rate,
)
from elman.errors import DataError, SettingsError

_LARGEST = 1 << 32  # bytes of frames that are put into one array


@dataclass(frozen=True, eq=False)
class Clip:
    """A video file, a folder of pictures or an array, or a part of one.

    **Fields:**

    - `source`: the path of a video, of a picture (animated or not) or of a folder of pictures; or
      frames, (T, H, W) or (T, H, W, C): uint8, uint16, or floats from 0 to 1.
    - `start`, `end`: the part in seconds; to the end if None.
    - `rate`: frames a second of pictures and arrays, which hold no times. None if unknown: then
      they have no parts, and a rate that is asked for takes every frame.
    - `valid`: where frames hold data, (H, W) or (T, H, W) of bool, for arrays alone; None if
      everywhere.

    >>> clip = Clip(np.zeros((20, 48, 64, 3), np.uint8), rate=10)
    >>> clip.frames(rate=5, size=32, grey=True).shape
    (10, 32, 32, 1)
    """

    source: Path | str | NDArray[Any]
    start: float = 0.0
    end: float | None = None
    rate: float | None = None
    valid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        check_number("start", self.start, 0)
        if self.end is not None:
            check_number("end", self.end, 0)
            if self.end <= self.start:
                raise SettingsError(f"end={self.end}: it must be after start={self.start}")
        if self.rate is not None:
            check_number("rate", self.rate, 1e-6, 1e6)
        if isinstance(self.source, str):
            object.__setattr__(self, "source", Path(self.source))
        elif not isinstance(self.source, Path):
            object.__setattr__(self, "source", as_frames(self.source, "the clip"))
        if self.valid is not None:
            object.__setattr__(self, "valid", self._checked_mask(self.valid))

    @property
    def path(self) -> Path | None:
        """The file or folder; None of an array."""
        return self.source if isinstance(self.source, Path) else None

    @property
    def array(self) -> Frame | None:
        """The frames of an array, (T, H, W, C); None of a file."""
        return self.source if isinstance(self.source, np.ndarray) else None

    def decoded(
        self,
        *,
        rate: float | None = None,
        size: int | tuple[int, int] | None = None,
        grey: bool = False,
        fit: Fit = "resize",
    ) -> Iterator[Frame]:
        """The frames one by one, in bounded memory; the arguments are those of `frames`."""
        return self.in_format(FrameFormat.of(rate, size, grey, fit))

    def frames(
        self,
        *,
        rate: float | None = None,
        size: int | tuple[int, int] | None = None,
        grey: bool = False,
        fit: Fit = "resize",
    ) -> Frame:
        """All frames, (T, height, width, 3) uint8, or (T, height, width, 1) if `grey`.

        **Arguments:**

        - `rate`: frames a second: at each step the nearest frame that is not later. None takes
          every frame as it arrives, whatever the times between them.
        - `size`: (height, width), or the side of a square; None for the source's.
        - `grey`: one channel; else red, green, blue. What has an alpha channel is seen over black.
        - `fit`: "resize" changes both sides on their own; "crop" keeps the middle of the picture;
          "letterbox" adds black bars.

        Rotation that a camera noted is applied; 16 bits become 8; sound is ignored. A fault in the
        middle of a file ends the clip there, with a warning.

        Raises `DataError` where nothing can be decoded, and where an array would be larger than
        4 GiB.
        """
        frames: list[Frame] = []
        total = 0
        for frame in self.in_format(FrameFormat.of(rate, size, grey, fit)):
            total += frame.nbytes
            if total > _LARGEST:
                raise DataError(
                    f"{self.described} has more than {len(frames):,} frames of"
                    f" {frame.shape[0]} x {frame.shape[1]}, above 4 GiB: ask for a size or a rate,"
                    " or take them one by one with decoded()"
                )
            frames.append(frame)
        return np.stack(frames)

    def in_format(self, wanted: FrameFormat) -> Iterator[Frame]:
        """The frames one by one in a format."""
        if self.path is None:
            return self._steady(iter(self.array if self.array is not None else ()), wanted)
        if not is_there(self.path):
            raise DataError(f"no such file: {self.path}")
        if self.path.is_dir():
            files = pictures.pictures_in(self.path)
            if not files:
                raise DataError(f"{self.path} has no frames: it holds no pictures")
            return self._steady(pictures.pictures_of_all(files), wanted)
        if pictures.is_picture(self.path):
            return self._steady(pictures.pictures_of_all([self.path]), wanted)
        return decode.decode_file(self.path, wanted, self.start, self.end)

    @property
    def described(self) -> str:
        """What it is, for messages."""
        if self.path is None:
            return f"the clip of shape {() if self.array is None else self.array.shape}"
        if not self.start and self.end is None:
            return str(self.path)
        end = "the end" if self.end is None else f"{self.end:g} s"
        return f"{self.path} from {self.start:g} s to {end}"

    def _steady(self, frames: Iterator[Frame], wanted: FrameFormat) -> Iterator[Frame]:
        """Frames without times of their own, in the wanted format."""
        if self.rate is None:
            if self.start or self.end is not None:
                raise DataError(f"{self.described}: the part of pictures without a rate is unknown")
            chosen: Iterator[Frame] = frames
        else:
            step = 1 / self.rate
            timed = (Timed(i * step, step, frame) for i, frame in enumerate(frames))
            ahead = (each for each in timed if each.time + step > self.start + 1e-9)
            is_own = wanted.rate is not None and is_rate(self.rate, wanted.rate)
            chosen = steady(ahead, None if is_own else wanted.rate, self.start, self.end)
        is_empty = True
        for frame in chosen:
            is_empty = False
            found = formatted(frame, wanted)
            if wanted.size is None:
                wanted = FrameFormat(wanted.rate, found.shape[:2], wanted.grey, wanted.fit)
            yield found
        if is_empty:
            raise DataError(f"{self.described} ends before the start at {self.start:g} s")

    def _checked_mask(self, valid: Any) -> NDArray[np.bool_]:
        mask = np.asarray(valid)
        shape = () if self.array is None else self.array.shape[:3]
        if mask.dtype != np.bool_ or mask.shape not in (shape, shape[1:]) or not shape:
            raise SettingsError(
                f"valid={shown(valid)}: True and False for each pixel of an array are needed,"
                f" of shape {shape[1:]} or {shape}"
            )
        return mask


def decoded(
    path: Path | str,
    *,
    start: float = 0.0,
    end: float | None = None,
    rate: float | None = None,
    size: int | tuple[int, int] | None = None,
    grey: bool = False,
    fit: Fit = "resize",
) -> Iterator[Frame]:
    """The frames of a video one by one, in bounded memory, (height, width, 1 or 3) uint8 each.

    See `Clip` and its `frames` for the arguments.

    ```python
    for frame in decoded("street.mp4", rate=5, size=112):
        ...
    ```
    """
    return Clip(path, start, end).decoded(rate=rate, size=size, grey=grey, fit=fit)
