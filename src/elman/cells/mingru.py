from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid


class MinGRU(Cell):
    r"""Minimal GRU: gate and candidate see the input alone.

    Feng et al. 2024, *Were RNNs All We Needed?* (arXiv:2410.01201). The step is linear in the
    state, so that a whole sequence can also be computed by a parallel scan.

    $$z_t = \sigma(W_z x_t + b_z), \quad h_t = (1 - z_t) \odot h_{t-1} + z_t \odot (W_n x_t + b_n)$$
    """

    gates = ("z", "n")
    recurrent = ()

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": s.h + sigmoid(x.z) * (x.n - s.h)}
