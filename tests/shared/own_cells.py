"""Cells as a user may write them: with parameters of a unit, two states, or conditions."""

from typing import Any

import elman
from elman.math import cos, exp, log, maximum, minimum, sigmoid, sin, softplus, sqrt, tanh, where


class Leaky(elman.Cell):
    """Every unit has a time constant of its own."""

    gates = ("h",)
    params = {"a": (0.1, 0.9)}

    def step(self, x: Any, r: Any, s: Any, p: Any) -> dict[str, Any]:
        return {"h": (1 - p.a) * s.h + p.a * tanh(x.h + r.h)}


class Adaptive(elman.Cell):
    """A second state, one gate without a recurrent product."""

    gates = ("i", "k")
    recurrent = ("i",)
    state = ("h", "m")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        m = 0.9 * s.m + softplus(x.k)
        return {"h": sigmoid(x.i + r.i) * tanh(x.k) / (1 + m * m), "m": minimum(m, 3.0)}


class Piecewise(elman.Cell):
    """Conditions and the functions that other cells have not."""

    gates = ("a", "b")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        a, b = x.a + r.a, x.b + r.b
        small = where((a < 0.5) & ~(b >= 1), sin(a), -cos(b))
        large = sqrt(exp(-abs(a)) + log(1.5 + b * b))
        return {"h": where(abs(s.h) > 0.3, maximum(small, -0.5), 0.5 * large - 0.2)}


OWN = (Leaky, Adaptive, Piecewise)
