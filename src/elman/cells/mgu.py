from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid, tanh


class MGU(Cell):
    r"""Minimal gated unit: one gate that both resets and updates.

    Zhou et al. 2016 (arXiv:1603.09420). As in `GRU`, the gate acts after the recurrent
    product, so that one matrix product a step is enough:

    $$f_t = \sigma(W_f x_t + b_{if} + R_f h_{t-1} + b_{hf})$$
    $$n_t = \tanh(W_n x_t + b_{in} + f_t \odot (R_n h_{t-1} + b_{hn}))$$
    $$h_t = (1 - f_t) \odot h_{t-1} + f_t \odot n_t$$
    """

    gates = ("f", "n")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        f = sigmoid(x.f + r.f)
        n = tanh(x.n + f * r.n)
        return {"h": s.h + f * (n - s.h)}
