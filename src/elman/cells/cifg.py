from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid, tanh


class CIFG(Cell):
    r"""LSTM with coupled input and forget gates: what is forgotten makes room for the new.

    Greff et al. 2017, *LSTM: A Search Space Odyssey* (arXiv:1503.04069), variant CIFG.

    $$c_t = f_t \odot c_{t-1} + (1 - f_t) \odot \tanh(a_g), \quad f_t = \sigma(a_f)$$
    $$h_t = \sigma(a_o) \odot \tanh(c_t)$$
    """

    gates = ("f", "g", "o")
    state = ("h", "c")
    forget = "f"

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        f, g = sigmoid(x.f + r.f), tanh(x.g + r.g)
        c = g + f * (s.c - g)
        return {"h": sigmoid(x.o + r.o) * tanh(c), "c": c}
