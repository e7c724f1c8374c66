"""Layers to export: users' cells, and layers with every option that changes what is computed."""

from typing import Any

import torch
from own_cells import Leaky
from torch import Tensor

import elman
from elman.math import cos, exp, log, maximum, sigmoid, sin, softplus, sqrt, tanh, where
from elman.nn import Recurrent


class TwoStates(elman.Cell):
    """Two states, one gate without a recurrent product, most of `elman.math`."""

    gates = ("i", "f")
    state = ("h", "c")
    recurrent = ("f",)

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        c = sigmoid(x.f + r.f) * s.c + tanh(x.i) * exp(-abs(s.h))
        h = where(c > 0, log(1 + c * c), softplus(c) * maximum(s.h, 0.1) * sqrt(abs(c)))
        return {"h": h, "c": c}


class Turning(elman.Cell):
    """Sine and cosine, and a gate's parts that are also used apart."""

    gates = ("a", "b")

    def step(self, x: Any, r: Any, s: Any) -> dict[str, Any]:
        return {"h": sin(x.a + r.a) + 0.3 * cos(3 * s.h) * tanh(r.b + x.b - x.a)}


USERS = (Leaky, TwoStates, Turning)
OPTIONS: dict[str, dict[str, Any]] = {
    "stacked": {"num_layers": 2},
    "both directions": {"num_layers": 2, "bidirectional": True},
    "layer norm": {"layer_norm": True, "num_layers": 2},
    "residual": {"residual": True, "input_size": 13, "num_layers": 2},
    "no bias": {"bias": False},
    "zoneout": {"zoneout": 0.2},
    "learnt state": {"learn_initial_state": True},
}


def made(cell: Any, input_size: int = 5, hidden_size: int = 13, **options: Any) -> Recurrent:
    """A layer in eval mode with random numbers in all its parameters."""
    torch.manual_seed(len(str(cell)) + hidden_size)
    layer = elman.layer(cell, input_size, hidden_size, **options).eval()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.startswith(("bias", "initial", "norm")):
                parameter.normal_(std=0.5)
    return layer


def largest(actual: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    if not expected.numel():
        return 0.0
    return float((actual - expected).abs().max() / expected.abs().max().clamp(min=1e-3))
