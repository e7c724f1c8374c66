"""Numbers brought to mean 0 and deviation 1, as linear models like them."""

import numpy as np
from numpy.typing import NDArray

FARTHEST = 10.0  # deviations from the mean that a number counts for


def scale_of(values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean of each column of values (N, D), and one by its deviation, (D,) each.

    A column that never varies says nothing: its scale is 0.

    >>> mean, scale = scale_of(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> mean.tolist(), scale.tolist()
    ([2.0, 5.0], [1.0, 0.0])
    """
    mean, deviation = values.mean(0, np.float64), values.std(0, np.float64)
    varies = deviation > 1e-8 * np.abs(mean) + 1e-12
    return mean, np.divide(1, deviation, where=varies, out=np.zeros_like(deviation))


def scaled(
    values: NDArray[np.floating], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The values less `mean`, times `scale`, from -10 to 10: (N, D)."""
    return ((values - mean) * scale).clip(-FARTHEST, FARTHEST).astype(np.float32)
