from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid


class SRU(Cell):
    r"""Simple recurrent unit: gates that see each unit's own state, and a highway past it.

    Lei et al. 2018 (arXiv:1709.02755), with the highway's input as a product of its own, so that
    the layer's input may have any size:

    $$f_t = \sigma(W_f x_t + v_f \odot c_{t-1} + b_f), \quad
    r_t = \sigma(W_r x_t + v_r \odot c_{t-1} + b_r)$$
    $$c_t = f_t \odot c_{t-1} + (1 - f_t) \odot (W_c x_t + b_c)$$
    $$h_t = r_t \odot c_t + (1 - r_t) \odot (W_x x_t + b_x)$$
    """

    gates = ("c", "f", "r", "x")
    recurrent = ()
    state = ("h", "c")
    params = {"v_f": (-0.5, 0.5), "v_r": (-0.5, 0.5)}
    forget = "f"

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        f, reset = sigmoid(x.f + p.v_f * s.c), sigmoid(x.r + p.v_r * s.c)
        c = x.c + f * (s.c - x.c)
        return {"h": x.x + reset * (c - x.x), "c": c}
