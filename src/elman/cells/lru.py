from typing import Any

from elman.cells.cell import Cell
from elman.math import cos, exp, maximum, sin, sqrt


class LRU(Cell):
    r"""Linear recurrent unit: a complex number a unit, that turns and shrinks at each step.

    Orvieto et al. 2023 (arXiv:2303.06349). With $\lambda = e^{-e^\nu + i \theta}$, one a unit, and
    the input's product as a real and an imaginary part:

    $$s_t = \lambda \odot s_{t-1} + \sqrt{1 - |\lambda|^2} \odot (W x_t + b), \quad h_t = \Re s_t$$

    Half-lives are drawn from 7 to 700 steps. The paper's read-out, $\Re(C s_t) + D x_t$ and its
    nonlinearity, is for the layers that follow: W turns each unit's real part to where C needs it.
    """

    gates = ("re", "im")
    recurrent = ()
    state = ("h", "im")
    params = {"nu": (-6.9, -2.3), "theta": (0.0, 3.14)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        size = exp(-exp(p.nu))
        re, im = size * cos(p.theta), size * sin(p.theta)
        gain = sqrt(maximum(1 - size * size, 1e-12))  # its slope at 0 is infinite
        return {
            "h": re * s.h - im * s.im + gain * x.re,
            "im": re * s.im + im * s.h + gain * x.im,
        }
