"""What rivals are to compute: the results of one layer with its weights on one input."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from elman.nn import Recurrent

Shape = tuple[int, int, int, int]
Run = Callable[[], Sequence[Any]]  # results as arrays of whatever library, ready when it returns

_TOLERANCE = 2e-3  # of the largest entry: sums of float32 differ by their order


class DisagreementError(AssertionError):
    """A rival computes something else than the layer that it is compared with."""


class Work(NamedTuple):
    """A layer to be run on `x`, and what for.

    **Fields:**

    - `layer`: a compiled layer of one direction.
    - `x`: (T, B, I).
    - `state`: what the layer returned before, for a single step without gradients; None for zeros.
    - `upstream`: (T, B, H), the gradient of the output, if gradients are wanted: of x and of all
      the weights.
    """

    layer: Recurrent
    x: Tensor
    state: Any = None
    upstream: Tensor | None = None

    @property
    def states(self) -> tuple[Tensor, ...]:
        """Every state before the first step, (1, B, H) each."""
        if self.state is None:
            shape = (1, self.x.shape[1], self.layer.hidden_size)
            return tuple(self.x.new_zeros(shape) for _ in self.layer.cell.state)
        return self.state if isinstance(self.state, tuple) else (self.state,)

    @property
    def operations(self) -> int:
        """Floating-point operations of its matrix products; thrice the forward ones in training."""
        steps, batch, features = self.x.shape
        size, cell = self.layer.hidden_size, self.layer.cell
        in_step = len(cell.gates) * size * features + len(cell.recurrent) * size * size
        return (1 if self.upstream is None else 3) * 2 * steps * batch * in_step


def work(layer: Recurrent, x: Tensor, state: Any = None, *, gradients: bool = False) -> Work:
    """A layer's work on `x`, with an arbitrary gradient of the output if gradients are wanted.

    >>> job = work(Recurrent("gru", 3, 5), torch.randn(7, 2, 3), gradients=True)
    >>> job.operations == 3 * 2 * 7 * 2 * (3 * 5 * 3 + 3 * 5 * 5)
    True
    """
    upstream = x.new_empty(*x.shape[:2], layer.hidden_size).normal_() if gradients else None
    return Work(layer, x, state, upstream)


def of_module(module: nn.Module | Callable[..., Any], job: Work, **options: Any) -> Run:
    """The run of a module that takes `(x, state)` and returns `(output, state)`.

    **Returns:** a function of nothing that returns `[output]`, or `[output, gradient of x,
    gradients of the weights]`.
    """
    upstream = job.upstream
    if upstream is None:

        def infer() -> Sequence[Tensor]:
            with torch.no_grad():
                return [module(job.x, job.state, **options)[0]]

        return infer
    x = job.x.detach().requires_grad_()
    own = module if isinstance(module, nn.Module) else job.layer
    wanted = [x, *own.parameters()]

    def train() -> Sequence[Tensor]:
        output = module(x, job.state, **options)[0]
        return [output.detach(), *torch.autograd.grad(output, wanted, upstream)]

    return train


def ours(job: Work, **options: Any) -> Run:
    """The layer's own run; `step` where there is a state to continue from."""
    if job.state is None:
        return of_module(job.layer, job, **options)
    x_t = job.x[0]

    def step() -> Sequence[Tensor]:
        with torch.no_grad():
            return [job.layer.step(x_t, job.state)[0].unsqueeze(0)]

    return step


def check(name: str, got: Sequence[Any], expected: Sequence[Any], within: float = 1.0) -> None:
    """Hold a rival's results to ours; `within` widens the tolerance.

    >>> check("sum", [torch.ones(2)], [torch.tensor([1.0, 2.0])])
    Traceback (most recent call last):
    elman.bench.workload.DisagreementError: sum computes something else: result 0 ...
    """
    for index, (a, b) in enumerate(zip(got, expected, strict=True)):
        left, right = _array(a), _array(b)
        if left.shape != right.shape:
            raise DisagreementError(
                f"{name} computes something else: result {index} has the shape {left.shape},"
                f" not {right.shape}"
            )
        largest = float(np.abs(right).max(initial=0)) or 1.0
        error = float(np.abs(left - right).max(initial=0)) / largest
        if not error <= within * _TOLERANCE:
            raise DisagreementError(
                f"{name} computes something else: result {index} differs by {error:.1g} of its"
                " largest entry"
            )


def _array(value: Any) -> Any:
    tensor = value.float() if isinstance(value, Tensor) else value
    return np.asarray(tensor, dtype=np.float64)
