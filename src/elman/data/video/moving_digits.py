"""Moving MNIST (Srivastava et al. 2015): digits that glide over a black square and bounce."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number
from elman.data.checks import whole
from elman.data.values import as_array, is_tensor
from elman.errors import DataError, SettingsError


def moving_digits(
    digits: Any,
    count: int,
    *,
    per_clip: int = 2,
    frames: int = 20,
    size: int = 64,
    speed: float = 0.1,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Clips of digits that move, (count, frames, size, size) uint8.

    Each digit is drawn at random, starts at a random place and goes in a random direction. At an
    edge it turns back. Where digits meet, the brighter pixel is seen.

    **Arguments:**

    - `digits`: pictures, (N, h, w) uint8, such as `mnist_digits("train")` gives.
    - `per_clip`: digits in a clip.
    - `speed`: way a frame, as a share of the free way, `size` less the digit's side.

    >>> clips = moving_digits(np.full((1, 8, 8), 255, np.uint8), 3, frames=5, size=32)
    >>> clips.shape, clips.dtype, int((clips[0, 0] > 0).sum()) <= 128
    ((3, 5, 32, 32), dtype('uint8'), True)
    """
    pictures = as_array(digits) if is_tensor(digits) else np.asarray(digits)
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or not pictures.size:
        raise DataError(
            f"digits of {pictures.dtype} of shape {pictures.shape}: uint8 (N, h, w) are needed"
        )
    count, per_clip = whole(count, "count", 1), whole(per_clip, "per_clip", 1)
    frames, size = whole(frames, "frames", 1), whole(size, "size", 1)
    check_number("speed", speed, 0, 1)
    height, width = pictures.shape[1:]
    if max(height, width) > size:
        raise SettingsError(f"size={size}: the digits are {height} x {width}")
    random = np.random.default_rng(whole(seed, "seed"))
    chosen = random.integers(len(pictures), size=(count, per_clip))
    place = random.random((count, per_clip, 2))
    angle = random.uniform(0, 2 * np.pi, (count, per_clip))
    step = speed * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    free = np.array([size - height, size - width])
    out = np.zeros((count, frames, size, size), np.uint8)
    for t in range(frames):
        place = place + step
        is_out = (place <= 0) | (place >= 1)
        place = np.clip(place, 0, 1)
        step = np.where(is_out, -step, step)
        corners = (place * free).astype(int)
        for i in range(count):
            for digit, (top, left) in zip(chosen[i], corners[i].tolist(), strict=True):
                under = out[i, t, top : top + height, left : left + width]
                np.maximum(under, pictures[digit], out=under)
    return out
