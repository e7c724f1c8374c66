from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid, tanh


class PeepholeLSTM(Cell):
    r"""LSTM whose gates also see the cell state, each unit its own.

    Gers & Schmidhuber 2000, *Recurrent Nets that Time and Count*. The input and forget gates
    look at the old cell state, the output gate at the new one:

    $$i_t = \sigma(a_i + p_i \odot c_{t-1}), \quad f_t = \sigma(a_f + p_f \odot c_{t-1})$$
    $$c_t = f_t \odot c_{t-1} + i_t \odot \tanh(a_g), \quad o_t = \sigma(a_o + p_o \odot c_t)$$
    $$h_t = o_t \odot \tanh(c_t)$$
    """

    gates = ("i", "f", "g", "o")
    state = ("h", "c")
    params = {"p_i": (-0.1, 0.1), "p_f": (-0.1, 0.1), "p_o": (-0.1, 0.1)}
    forget = "f"

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        i, f = sigmoid(x.i + r.i + p.p_i * s.c), sigmoid(x.f + r.f + p.p_f * s.c)
        c = f * s.c + i * tanh(x.g + r.g)
        return {"h": sigmoid(x.o + r.o + p.p_o * c) * tanh(c), "c": c}
