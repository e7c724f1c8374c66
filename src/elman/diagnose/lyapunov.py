"""Lyapunov exponents: the mean rates at which small differences of state grow or shrink.

By the QR method (Benettin et al. 1980; Engelken, Wolf & Abbott 2023, arXiv:2006.02427): a frame of
orthonormal vectors goes through the Jacobians of a long run, is made orthonormal again after each
few steps, and the logarithms of what that takes off add up. The first exponent above 0 means chaos;
of all below 0, the largest is one over the longest memory in steps.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from elman.diagnose.linear import Steps
from elman.diagnose.trajectory import run
from elman.errors import SettingsError
from elman.nn import Recurrent

_NONE = -1e6  # in place of a logarithm of 0


def lyapunov_exponents(
    layer: Recurrent,
    x: Tensor | None = None,
    *,
    steps: int = 1000,
    warmup: int = 100,
    count: int | None = None,
    batch: int = 1,
    state: Any = None,
    every: int = 1,
    seed: int = 0,
) -> Tensor:
    """The Lyapunov exponents of a one-way layer, in nats a step, the largest first.

    **Arguments:**

    - `x`: the input that drives it, (T, B, I) in the layer's own order of dimensions; its first
      `warmup` steps are not counted. Without one the layer runs on by itself, on zeros, for
      `warmup + steps` steps from `batch` random states (of deviation 1).
    - `count`: how many exponents, all S if None; `every`: steps from one QR to the next.
    - `state`: what to start from, in place of zeros or random numbers.

    **Returns:** (count,), the mean over the batch; (num_layers, count) of stacked layers, each
    driven by the one below.

    >>> import elman
    >>> layer = elman.layer("rnn", 1, 2, bias=False)
    >>> _ = layer.weight_hh_l0.data.copy_(torch.diag(torch.tensor([0.5, 0.25])))
    >>> lyapunov_exponents(layer, torch.zeros(300, 1, 1)).exp()
    tensor([0.5000, 0.2500], dtype=torch.float64)
    """
    if layer.bidirectional:
        raise SettingsError("Lyapunov exponents need a layer that reads one way, not bidirectional")
    size = sum(shape[-1] for shape in layer._state_shapes(1))
    count = size if count is None else count
    if not 1 <= count <= size or every < 1:
        raise SettingsError(f"count={count}, every={every}: 1 to {size} exponents, 1 step or more")
    first = next(layer.parameters())
    if x is None:
        shape = (batch, warmup + steps) if layer.batch_first else (warmup + steps, batch)
        x = first.new_zeros(*shape, layer.input_size)
        if state is None:
            generator = torch.Generator().manual_seed(seed)
            parts = tuple(
                torch.randn(shape, generator=generator).to(first)
                for shape in layer._state_shapes(batch)
            )
            state = parts if len(parts) > 1 else parts[0]
    length = x.shape[1 if layer.batch_first else 0]
    if length <= warmup:
        raise SettingsError(f"{length} steps of input are no more than warmup={warmup}")
    found = [of_steps(Steps(track), warmup, count, every, seed) for track in run(layer, x, state)]
    return found[0] if len(found) == 1 else torch.stack(found)


def of_steps(steps: Steps, warmup: int, count: int, every: int = 1, seed: int = 0) -> Tensor:
    """The leading exponents along a trajectory, (count,), a mean over its sequences.

    Those sequences are left out in which a direction comes to nothing (dead ReLU units); where it
    does in all, the exponent is minus infinity.
    """
    frame = _frame(steps.batch, count, steps.size, steps.dtype, seed).to(steps.device)
    sums = torch.zeros(steps.batch, count, dtype=steps.dtype, device=steps.device)
    counted = 0
    for t in range(steps.length):
        frame = steps.jvp(t, frame)
        counted += t >= warmup
        if (t + 1) % every == 0 or t in (warmup - 1, steps.length - 1):
            frame, logs = _renewed(frame)
            if t >= warmup:
                sums += logs
    found = sums / counted
    known = found > _NONE / counted  # no sequence in which the frame has come to nothing
    mean = torch.where(known, found, 0.0).sum(0) / known.sum(0)
    return torch.where(known.any(0), mean, -math.inf).cpu()


def exponents_of_map(
    step: Callable[[Tensor], Tensor],
    state: Tensor,
    *,
    steps: int,
    warmup: int = 100,
    count: int | None = None,
    seed: int = 0,
) -> Tensor:
    """The same for any differentiable map of a state vector (S,) to the next.

    >>> logistic = lambda s: 4 * s * (1 - s)
    >>> start = torch.tensor([0.3], dtype=torch.float64)
    >>> found = exponents_of_map(logistic, start, steps=2000)
    >>> abs(float(found) - math.log(2)) < 0.01
    True
    """
    count = len(state) if count is None else count
    frame = _frame(1, count, len(state), state.dtype, seed)
    sums = state.new_zeros(1, count)
    for t in range(warmup + steps):
        matrix = jacobian(step, state)  # type: ignore[no-untyped-call]
        state = step(state)
        frame, logs = _renewed(frame @ matrix.T)
        if t >= warmup:
            sums += logs
    return (sums / steps)[0]


def _frame(batch: int, count: int, size: int, dtype: torch.dtype, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(batch, count, size, generator=generator, dtype=dtype)
    q: Tensor = torch.linalg.qr(rows.transpose(1, 2))[0]
    return q.transpose(1, 2)


def _renewed(frame: Tensor) -> tuple[Tensor, Tensor]:
    q, r = torch.linalg.qr(frame.transpose(1, 2))
    stretch = r.diagonal(dim1=1, dim2=2).abs()
    return q.transpose(1, 2), stretch.clamp(min=1e-300).log().where(stretch > 0, 2 * _NONE)
