from typing import Any

from elman.cells.cell import Cell
from elman.math import exp, maximum, sigmoid, softplus, sqrt


class RGLRU(Cell):
    r"""Real-gated linear recurrent unit, the recurrence of Griffin and Hawk.

    De et al. 2024 (arXiv:2402.19427). Each unit's pace is gated by the input, and what enters is
    scaled so that the state keeps its size:

    $$r_t = \sigma(W_r x_t + b_r), \quad i_t = \sigma(W_i x_t + b_i), \quad
    a_t = \sigma(\Lambda)^{8 r_t}$$
    $$h_t = a_t \odot h_{t-1} + \sqrt{1 - a_t^2} \odot i_t \odot (W_x x_t + b_x)$$

    $\Lambda$ is drawn so that $\sigma(\Lambda)^8$ is between 0.9 and 0.999, as in the paper.
    """

    gates = ("r", "i", "x")
    recurrent = ()
    params = {"decay": (4.33, 8.98)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        log_a = -8 * softplus(-p.decay) * sigmoid(x.r)
        gain = sqrt(maximum(1 - exp(2 * log_a), 1e-12))  # its slope at 0 is infinite
        return {"h": exp(log_a) * s.h + gain * sigmoid(x.i) * x.x}
