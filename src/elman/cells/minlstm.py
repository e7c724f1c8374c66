from typing import Any

from elman.cells.cell import Cell
from elman.math import sigmoid


class MinLSTM(Cell):
    r"""Minimal LSTM: normalised forget and input gates that see the input alone.

    Feng et al. 2024, *Were RNNs All We Needed?* (arXiv:2410.01201).

    $$f_t = \sigma(W_f x_t + b_f), \quad i_t = \sigma(W_i x_t + b_i)$$
    $$h_t = \frac{f_t}{f_t + i_t} \odot h_{t-1} + \frac{i_t}{f_t + i_t} \odot (W_n x_t + b_n)$$
    """

    gates = ("f", "i", "n")
    recurrent = ()
    forget = "f"

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        f, i = sigmoid(x.f), sigmoid(x.i)
        return {"h": (f * s.h + i * x.n) / (f + i)}
