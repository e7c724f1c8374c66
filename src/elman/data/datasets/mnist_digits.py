"""Real handwritten digits as pictures, of which clips are made."""

import numpy as np
from numpy.typing import NDArray

from elman.data.datasets.download import fetch
from elman.data.datasets.registry import resolve
from elman.data.datasets.video_readers import digits_of
from elman.data.values import shown
from elman.errors import SettingsError


def mnist_digits(split: str = "train") -> tuple[NDArray[np.uint8], list[str]]:
    """Pictures (N, 28, 28) and their labels "0" to "9".

    "train" are the first 8,000 of MNIST's 10,000 test digits, "test" the other 2,000.

    ```python
    digits, labels = mnist_digits("test")
    clips = moving_digits(digits, 300)
    ```
    """
    if split not in ("train", "test"):
        raise SettingsError(f"split={shown(split)}: train or test is needed")
    dataset, part = resolve(f"vid_mnist_digits:{split}")
    return digits_of(fetch(dataset, part.files), split)
