"""How much a linear model beside a network counts."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

_CANDIDATES = [1.0, 0.0, *np.logspace(-1.5, 1.5, 13).tolist()]


def fitted_weight(network: Tensor, linear: Tensor, loss: Callable[[Tensor], float]) -> float:
    """How much a linear model's scores count beside a network's, by held-out examples' loss.

    As much as the network's, 1, unless another weight makes the summed loss smaller by more than
    1 nat: few held-out examples tell little, and the mean of two models is rarely the worse.
    """
    losses = [loss(network + weight * linear) * len(network) for weight in _CANDIDATES]
    best = int(np.argmin(losses))
    return _CANDIDATES[best] if losses[best] < losses[0] - 1 else 1.0
