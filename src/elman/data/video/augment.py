"""More from the same clips: cut, mirrored, faster, brighter, backwards, alike in all frames."""

from typing import Any, TypeVar

import numpy as np

from elman.data.arguments import check_number
from elman.data.values import is_array, is_tensor, shown
from elman.data.video.frame_format import sides_of
from elman.errors import DataError, SettingsError

Frames = TypeVar("Frames")  # an array or a tensor, (T, H, W, C)


def augmented_clip(
    frames: Frames,
    random: np.random.Generator,
    *,
    crop: int | tuple[int, int] | None = None,
    flip: bool = False,
    speed: float = 0.0,
    brightness: float = 0.0,
    reverse: bool = False,
) -> Frames:
    """The clip as a camera might have taken it another time; all frames are changed alike.

    **Arguments:**

    - `frames`: (T, H, W, C), an array or a tensor: uint8, or floats whose white is 1.
    - `random`: `numpy.random.default_rng(seed)`; the same draws give the same clip.
    - `crop`: (height, width), or the side of a square, of a window at a random place.
    - `flip`: mirror half of the clips, left to right: not where left and right are told apart.
    - `speed`: 0.2 draws a factor between 1/1.2 and 1.2; T changes, one frame at least stays.
    - `brightness`: 0.2 draws a factor between 1/1.2 and 1.2 for all pixels; what is beyond white
      is white.
    - `reverse`: play half of the clips backwards: not where the order tells the class.

    >>> frames = np.arange(4 * 6 * 6, dtype=np.uint8).reshape(4, 6, 6, 1)
    >>> augmented_clip(frames, np.random.default_rng(0), crop=4, flip=True).shape
    (4, 4, 4, 1)
    """
    if not isinstance(random, np.random.Generator):
        raise SettingsError(f"random={shown(random)}: a numpy.random.Generator is needed")
    for name, value in (("flip", flip), ("reverse", reverse)):
        if not isinstance(value, bool):
            raise SettingsError(f"{name}={shown(value)}: True or False is needed")
    check_number("speed", speed, 0, 100)
    check_number("brightness", brightness, 0, 100)
    clip: Any = frames
    if not (is_array(clip) or is_tensor(clip)) or clip.ndim != 4:
        raise DataError(f"frames={shown(frames)}: an array or tensor (T, H, W, C) is needed")
    if not len(clip):
        raise DataError("the clip has no frames")
    window = sides_of(crop, "crop")
    if window is not None:
        clip = _cut(clip, random, window)
    if flip and random.random() < 0.5:
        clip = _reversed(clip, 2)
    if speed:
        count = max(1, round(len(clip) / _factor(random, speed)))
        # The middle of each new frame's time, so that neither end is favoured.
        places = (np.arange(count) + 0.5) * len(clip) / count
        clip = clip[places.astype(int)]
    if reverse and random.random() < 0.5:
        clip = _reversed(clip, 0)
    if brightness:
        clip = _brighter(clip, _factor(random, brightness))
    result: Frames = clip
    return result


def _factor(random: np.random.Generator, most: float) -> float:
    return float(np.exp(random.uniform(-1, 1) * np.log1p(most)))


def _cut(clip: Any, random: np.random.Generator, window: tuple[int, int]) -> Any:
    (height, width), (h, w) = clip.shape[1:3], window
    if h > height or w > width:
        raise SettingsError(f"crop={window}: the frames are {height} x {width}")
    top, left = int(random.integers(height - h + 1)), int(random.integers(width - w + 1))
    return clip[:, top : top + h, left : left + w]


def _reversed(clip: Any, axis: int) -> Any:
    return clip.flip(axis) if is_tensor(clip) else np.flip(clip, axis)


def _brighter(clip: Any, factor: float) -> Any:
    is_float = clip.is_floating_point() if is_tensor(clip) else clip.dtype.kind == "f"
    if is_float:
        return (clip * factor).clip(None, 1.0) if is_tensor(clip) else np.minimum(clip * factor, 1)
    table = np.minimum(np.rint(np.arange(256) * factor), 255).astype(np.uint8)
    if not is_tensor(clip):
        return table[clip]
    import torch

    return torch.from_numpy(table).to(clip.device)[clip.long()]
