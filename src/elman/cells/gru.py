from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid, tanh


class GRU(Cell):
    r"""Gated recurrent unit, with the reset gate after the recurrent product.

    Cho et al. 2014 (arXiv:1406.1078), in the form of cuDNN and `torch.nn.GRU`, whose gate
    order it keeps:

    $$r_t = \sigma(W_r x_t + b_{ir} + R_r h_{t-1} + b_{hr}), \quad z_t \text{ likewise}$$
    $$n_t = \tanh(W_n x_t + b_{in} + r_t \odot (R_n h_{t-1} + b_{hn}))$$
    $$h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}$$
    """

    gates = ("r", "z", "n")
    forget = "z"

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        reset, z = sigmoid(x.r + r.r), sigmoid(x.z + r.z)
        n = tanh(x.n + reset * r.n)
        return {"h": n + z * (s.h - n)}
