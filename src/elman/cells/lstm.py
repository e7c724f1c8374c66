from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid, tanh


class LSTM(Cell):
    r"""Long short-term memory with a forget gate.

    Hochreiter & Schmidhuber 1997; the forget gate is from Gers, Schmidhuber & Cummins 2000.
    Gates in the order of `torch.nn.LSTM`. Each of i, f, g, o has its own
    $a = W x_t + b_{ih} + R h_{t-1} + b_{hh}$:

    $$c_t = \sigma(a_f) \odot c_{t-1} + \sigma(a_i) \odot \tanh(a_g)$$
    $$h_t = \sigma(a_o) \odot \tanh(c_t)$$
    """

    gates = ("i", "f", "g", "o")
    state = ("h", "c")
    forget = "f"

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        i, f, o = sigmoid(x.i + r.i), sigmoid(x.f + r.f), sigmoid(x.o + r.o)
        c = f * s.c + i * tanh(x.g + r.g)
        return {"h": o * tanh(c), "c": c}
