"""Whether one forecast is better than another by more than chance."""

import math

import numpy as np
from numpy.typing import NDArray


def diebold_mariano(
    first: NDArray[np.float64], second: NDArray[np.float64], horizon: int = 1
) -> tuple[float, float]:
    """Diebold & Mariano's (1995) test of two forecasts' losses, with the correction of Harvey,
    Leybourne & Newbold (1997).

    **Arguments:** losses of both at the same (n,) times, such as absolute errors; `horizon` steps
    ahead, over which errors of neighbouring times hang together.

    Where the usual estimate of the variance is not positive, Bartlett's takes its place.

    **Returns:** the statistic, negative where the first has the smaller losses, and the two-sided
    p-value by Student's t with n - 1 degrees of freedom.

    >>> statistic, p = diebold_mariano(np.array([1.0, 2, 1, 3]), np.array([2.0, 2, 3, 3]))
    >>> round(statistic, 3), round(p, 3)
    (-1.567, 0.215)
    """
    gain = first - second
    gain = gain[np.isfinite(gain)]
    gain = gain / (np.abs(gain).max(initial=0) or 1)  # whose squares are floats
    count, mean = len(gain), float(gain.mean())
    centred = gain - mean
    lags = min(horizon, count)
    together = [
        float((centred[lag:] * centred[: count - lag]).sum()) / count for lag in range(lags)
    ]
    variance = 2 * sum(together) - together[0]
    if variance <= 0:  # with few forecasts: by Bartlett's weights it cannot be negative
        weighted = sum((1 - lag / lags) * each for lag, each in enumerate(together))
        variance = 2 * weighted - together[0]
    if variance <= 0:
        return (0.0, 1.0) if mean == 0 else (math.copysign(math.inf, mean), 0.0)
    factor = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = math.sqrt(max(factor, 0)) * mean / math.sqrt(variance / count)
    return statistic, _two_sided(statistic, count - 1)


def _two_sided(t: float, freedom: int) -> float:
    """The chance of a Student's t as far from 0, by the incomplete beta function."""
    import torch

    # The density's integral from 0 to |t|, by Gauss-Legendre over the angle atan(t / sqrt(n)).
    angle = math.atan(abs(t) / math.sqrt(freedom))
    nodes, weights = np.polynomial.legendre.leggauss(64)
    inside = angle / 2 * (weights * np.cos(angle / 2 * (nodes + 1)) ** (freedom - 1)).sum()
    half = torch.tensor([(freedom + 1) / 2, freedom / 2], dtype=torch.float64).lgamma()
    density = math.exp(float(half[0] - half[1])) / math.sqrt(math.pi)
    return float(min(max(1 - 2 * density * inside, 0.0), 1.0))
