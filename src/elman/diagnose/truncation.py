"""What truncated backpropagation leaves out of the gradient.

The gradient of the recurrent layer's own parameters is taken once through all of the batch and once
cut into chunks, with the same derivatives entering from above: the difference is the bias of
truncation (Williams & Peng 1990; Tallec & Ollivier 2017, arXiv:1705.08209), and nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from elman.errors import SettingsError
from elman.nn import ConvRecurrent, Recurrent


@dataclass(frozen=True)
class Truncation:
    """At chunks of `length` steps: |g_cut - g| / |g|, and the cosine between g_cut and g."""

    length: int
    error: float
    cosine: float


def truncation(
    layer: Recurrent | ConvRecurrent,
    x: Tensor,
    state: Any,
    output_gradient: Tensor | None,
    state_gradient: Sequence[Tensor | None] | None = None,
    states_gradient: Sequence[Tensor | None] | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    chunks: Sequence[int],
) -> list[Truncation]:
    """The bias of each chunk length, for a layer with one direction.

    **Arguments:** as `elman.diagnose.trajectory.run`; `chunks` the lengths to compare, in steps.
    Empty where no parameter is trained.
    """
    if layer.bidirectional:
        raise SettingsError("truncation needs a layer that reads one way, not bidirectional")
    dim = 1 if layer.batch_first else 0
    steps = x.shape[dim]
    parameters = [p for p in layer.parameters() if p.requires_grad]
    if not parameters:
        return []
    every = states_gradient if any(g is not None for g in states_gradient or ()) else None
    training = layer.training
    layer.eval()
    try:

        def gradient(chunk: int) -> Tensor:
            total = [torch.zeros_like(p) for p in parameters]
            s, ends = state, state_gradient
            first = steps % chunk  # the chunk that is short, so that the last is whole
            borders = [0, *([first] if first else []), *range(first + chunk, steps + 1, chunk)]
            for start, end in pairwise(borders):
                own = None if lengths is None else (lengths - start).clamp(0, end - start)
                options: dict[str, Any] = {
                    "lengths": own,
                    "resets": None if resets is None else resets.narrow(dim, start, end - start),
                    "return_states": every is not None,
                }
                output, s, *rest = layer.forward(x.narrow(dim, start, end - start), s, **options)
                parts = s if isinstance(s, tuple) else (s,)
                pairs: list[tuple[Tensor, Tensor | None]] = []
                if every is not None:
                    states = rest[0] if isinstance(rest[0], tuple) else rest
                    pairs += zip(
                        states, [None if g is None else g[start:end] for g in every], strict=True
                    )
                if output_gradient is not None:
                    pairs.append((output, output_gradient.narrow(dim, start, end - start)))
                if end == steps and ends is not None:
                    pairs += zip(parts, ends, strict=True)
                terms = [(value * g.to(value.dtype)).sum() for value, g in pairs if g is not None]
                if terms:
                    together = torch.stack(terms).sum()
                    found = torch.autograd.grad(together, parameters, allow_unused=True)
                    for each, g in zip(total, found, strict=True):
                        if g is not None:
                            each += g
                s = tuple(p.detach() for p in parts) if isinstance(s, tuple) else s.detach()
            return torch.cat([each.flatten().double() for each in total])

        with torch.enable_grad():
            whole = gradient(steps)
            return [_compared(chunk, gradient(chunk), whole) for chunk in chunks]
    finally:
        layer.train(training)


def _compared(length: int, cut: Tensor, whole: Tensor) -> Truncation:
    size = float(whole.norm())
    if size == 0 or not math.isfinite(size):
        return Truncation(length, math.nan, math.nan)
    longest = max(float(cut.norm()) * size, 1e-300)
    return Truncation(length, float((cut - whole).norm()) / size, float(cut @ whole) / longest)
