"""How much a linear model beside a network counts."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

_CANDIDATES = np.array([1.0, 0.0, *np.logspace(-1.5, 1.5, 13)])  # of the usual weight


def fitted_weight(
    network: Tensor, linear: Tensor, loss: Callable[[Tensor], float], usual: float
) -> float:
    """How much a linear model's scores count beside a network's, by held-out examples' loss.

    The `usual` weight, unless another makes the summed loss smaller by more than 1 nat: few
    held-out examples tell little, and the mean of two models is rarely the worse.
    """
    weights = (usual * _CANDIDATES).tolist()
    losses = [loss(network + weight * linear) * len(network) for weight in weights]
    best = int(np.argmin(losses))
    return float(weights[best] if losses[best] < losses[0] - 1 else usual)
