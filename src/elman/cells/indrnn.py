from typing import Any

from elman.cells.cell import Cell
from elman.math import relu


class IndRNN(Cell):
    r"""Independently recurrent network: every unit remembers itself alone.

    Li et al. 2018 (arXiv:1803.04831). The recurrent weight is one number a unit, so the
    gradient through time is a product of these numbers; stack layers to mix units.

    $$h_t = \max(0,\; W x_t + b_{ih} + u \odot h_{t-1})$$
    """

    gates = ("h",)
    recurrent = ()
    params = {"u": (0.0, 1.0)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": relu(x.h + p.u * s.h)}
