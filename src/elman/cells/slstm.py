from typing import Any

from elman.cells.cell import Cell
from elman.math import exp, maximum, minimum, sigmoid, softplus, tanh, where


class SLSTM(Cell):
    r"""LSTM with exponential input gates, a normaliser and a stabiliser: the sLSTM of xLSTM.

    Beck et al. 2024 (arXiv:2405.04517), with a dense recurrent matrix. Each of i, f, z, o has its
    own $a = W x_t + b_{ih} + R h_{t-1} + b_{hh}$; m keeps the exponentials below 1:

    $$m_t = \max(\log \sigma(a_f) + m_{t-1},\; a_i)$$
    $$i_t = e^{a_i - m_t}, \quad f_t = e^{\log \sigma(a_f) + m_{t-1} - m_t}$$
    $$c_t = f_t \odot c_{t-1} + i_t \odot \tanh(a_z), \quad n_t = f_t \odot n_{t-1} + i_t$$
    $$h_t = \sigma(a_o) \odot c_t / n_t$$

    At the start, where n is 0, $m_t = a_i$; from then on n is at least 1.
    """

    gates = ("i", "f", "z", "o")
    state = ("h", "c", "n", "m")
    forget = "f"

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        i, kept = x.i + r.i, s.m - softplus(-(x.f + r.f))
        m = where(s.n == 0, i, maximum(kept, i))
        gate, keep = exp(i - m), exp(minimum(kept - m, 0))
        c, n = keep * s.c + gate * tanh(x.z + r.z), keep * s.n + gate
        return {"h": sigmoid(x.o + r.o) * c / n, "c": c, "n": n, "m": m}
