from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid, tanh


class QRNN(Cell):
    r"""Quasi-recurrent network with fo-pooling: forget and output gates that see the input alone.

    Bradbury et al. 2017 (arXiv:1611.01576), with filters of width 1; for wider ones give the steps
    before as further inputs.

    $$f_t = \sigma(W_f x_t + b_f), \quad o_t = \sigma(W_o x_t + b_o)$$
    $$c_t = f_t \odot c_{t-1} + (1 - f_t) \odot \tanh(W_z x_t + b_z), \quad h_t = o_t \odot c_t$$
    """

    gates = ("z", "f", "o")
    recurrent = ()
    state = ("h", "c")
    forget = "f"

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        z = tanh(x.z)
        c = z + sigmoid(x.f) * (s.c - z)
        return {"h": sigmoid(x.o) * c, "c": c}
