"""Handwritten digits read pixel by pixel: a long sequence of little information a step.

As sequential and permuted MNIST (Le et al. 2015), but of pen-based digits: the strokes of 44
writers (UCI 81), drawn on a small grid. They are not MNIST's pictures: figures do not compare.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.datasets import ink_readers
from elman.data.datasets.download import fetch
from elman.data.datasets.registry import resolve
from elman.data.datasets.synthetic import MemoryBatch
from elman.errors import SettingsError

NAME = "hw_pendigits_orig"


def drawn(points: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Strokes as a picture, (size, size), 0 or 1, scaled to fill it without distortion.

    >>> drawn(np.array([[0, 0, 1], [0, 9, 0], [9, 9, 0]], np.float32), 3).tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    places = points[:, :2]
    low, extent = places.min(0), max(float(np.ptp(places, 0).max()), 1e-6)
    middle = (1 - np.ptp(places, 0) / extent) / 2
    scaled = ((places - low) / extent + middle) * (size - 1)
    before = np.concatenate([scaled[:1], scaled[:-1]])
    fresh = points[:, 2:3] == 1
    start = np.where(fresh, scaled, before)
    share = np.linspace(0, 1, 2 * size)[:, None, None]
    column, row = np.moveaxis(np.rint(start + share * (scaled - start)).astype(int), -1, 0)
    picture = np.zeros((size, size), np.float32)
    picture[size - 1 - row, column] = 1.0
    return picture


def pixel_digits(
    split: str = "train", *, size: int = 16, permuted: bool = False, seed: int = 0
) -> MemoryBatch:
    """Pen-based digits, a pixel a step, row by row or in a fixed random order (`permuted`).

    **Returns:** inputs (size², N, 1), 0 or 1; targets (N,) int64, the digit. `split` is "train"
    (7,494 digits of 30 writers) or "test" (3,498 of 14 others). `seed` draws the order alone.

    ```python
    inputs, targets = pixel_digits("test", permuted=True)
    ```
    """
    if size < 4:
        raise SettingsError(f"size must be 4 pixels or more, got {size}")
    dataset, part = resolve(f"{NAME}:{split}")
    paths = {path.name: path for path in fetch(dataset)}
    digits = [each for file in part.files for each in ink_readers.pen_strokes(paths[file])]
    pictures = np.stack([drawn(np.asarray(each.input), size).ravel() for each in digits])
    inputs = torch.from_numpy(pictures.T).unsqueeze(-1)
    if permuted:
        order = torch.randperm(size * size, generator=torch.Generator().manual_seed(seed))
        inputs = inputs[order]
    return MemoryBatch(inputs, torch.tensor([int(each.label) for each in digits]))
