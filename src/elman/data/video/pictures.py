"""Frames out of pictures: folders of them in the order of their numbers, animated ones."""

import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.video.frame_format import Frame
from elman.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_DIGITS = re.compile(r"(\d+)")


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which names sort with their numbers as numbers.

    >>> sorted(["f10.png", "f9.png", "F1.png"], key=natural_order)
    ['F1.png', 'f9.png', 'f10.png']
    """
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part.casefold())
        for part in _DIGITS.split(name)
        if part
    )


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself, in their order."""
    files = (path for path in folder.iterdir() if is_picture(path))
    return sorted(files, key=lambda path: natural_order(path.name))


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture."""
    is_hidden = path.name.startswith(".")
    return not is_hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def pictures_of_all(files: Iterable[Path]) -> Iterator[Frame]:
    """The pictures of several files, one after another.

    The first that cannot be read ends them, with a warning that says how many were; it is a
    `DataError` where there were none.
    """
    count = 0
    try:
        for path in files:
            for picture in pictures_of(path):
                yield picture
                count += 1
    except DataError as error:
        if not count:
            raise
        warnings.warn(f"{count:,} frames read, then {error}", stacklevel=2)


def pictures_of(path: Path) -> Iterator[Frame]:
    """The pictures of one file, (H, W, 1, 3 or 4) uint8, turned as its camera says."""
    from PIL import Image, ImageOps, ImageSequence

    try:
        with Image.open(path) as image:
            for each in ImageSequence.Iterator(image):
                yield _array_of(ImageOps.exif_transpose(each), path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a picture that can be read: {error}") from None


def _array_of(image: Any, path: Path) -> Frame:
    if image.mode.startswith("I"):  # 16 bits a pixel, held in 16 or 32
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(f"{path}: its pixels are beyond 16 bits")
        return (values >> 8).astype(np.uint8)[..., None]
    if image.mode == "F":
        raise DataError(f"{path}: its pixels are floats: 8 or 16 bits are needed")
    if image.mode in ("L", "1"):
        return np.asarray(image.convert("L"))[..., None]
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
