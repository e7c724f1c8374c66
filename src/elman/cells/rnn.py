from typing import Any

from elman.cells.cell import Cell
from elman.math import relu, tanh


class RNN(Cell):
    r"""The simple recurrent network (Elman 1990, *Finding Structure in Time*).

    $$h_t = \tanh(W x_t + b_{ih} + R h_{t-1} + b_{hh})$$
    """

    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": tanh(x.h + r.h)}


class ReLURNN(Cell):
    r"""The simple network with rectified units.

    With the identity as its initial recurrent matrix it is the IRNN
    (Le, Jaitly & Hinton 2015, arXiv:1504.00941).

    $$h_t = \max(0,\; W x_t + b_{ih} + R h_{t-1} + b_{hh})$$
    """

    gates = ("h",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": relu(x.h + r.h)}
