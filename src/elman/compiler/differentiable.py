"""What the autograd functions of every target share."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Flat = Sequence[Tensor | None]  # operands in one list


def not_a_view(tensor: Tensor) -> Tensor:
    """The same memory as a tensor of its own, so that it may be modified in place."""
    if tensor._base is None:
        return tensor
    own = tensor.new_empty(0)
    return own.set_(
        tensor.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride()
    )


def differentiable(
    run: Callable[[Flat], Sequence[Tensor]], flat: Flat, gradients: Flat
) -> list[Tensor | None]:
    """The gradients of the operands as a graph that can be differentiated again.

    `run` computes the results of operands on tensors; `gradients` are those of the results.
    """
    own = [None if t is None else t.view_as(t) for t in flat]  # apart, if one depends on another
    pairs = [(r, g) for r, g in zip(run(own), gradients, strict=True) if g is not None]
    wanted = [t for t in own if t is not None and t.requires_grad]
    found = iter(
        torch.autograd.grad(
            [r for r, _ in pairs],
            wanted,
            [g for _, g in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return [next(found) if t is not None and t.requires_grad else None for t in own]
