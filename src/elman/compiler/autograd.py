"""The compiled recurrence in torch's autograd."""

from typing import Any

import torch
from torch import Tensor

from elman.compiler import interpreter
from elman.compiler.cpu import runtime
from elman.compiler.operands import Call, Operands, operands_of


def run(call: Call, operands: Operands) -> list[Tensor]:
    """Sequences and last states as `interpreter.run` gives them, by kernels."""
    flat = operands.flat()
    apply: Any = _Recurrence.apply
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in flat):
        return list(apply(call, *flat))
    return runtime.forward(call, operands, saving=False)[0]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Call, *flat: Tensor | None) -> tuple[Tensor, ...]:
        results, ctx.tape = runtime.forward(call, operands_of(call.step, flat), saving=True)
        results = [_not_a_view(result) for result in results]
        ctx.call, ctx.inputs = call, len(flat)
        # The results stand here so that autograd sees when they are modified in place.
        ctx.save_for_backward(*flat, *results)
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        flat = ctx.saved_tensors[: ctx.inputs]
        call: Call = ctx.call
        if all(gradient is None for gradient in gradients):
            return (None,) * (1 + len(flat))
        if torch.is_grad_enabled():
            return (None, *_differentiable(call, flat, gradients))
        operands = operands_of(call.step, flat)
        tape = ctx.tape
        if tape.gates is None:  # a backward pass before has used it up
            tape = runtime.forward(call, operands, saving=True)[1]
        wanted = ctx.needs_input_grad[1:]
        found = runtime.backward(call, operands, tape, list(gradients), consume=True, wanted=wanted)
        return (None, *found)


def _not_a_view(tensor: Tensor) -> Tensor:
    """The same memory as a tensor of its own, so that it may be modified in place."""
    if tensor._base is None:
        return tensor
    own = tensor.new_empty(0)
    return own.set_(
        tensor.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride()
    )


def _differentiable(
    call: Call, flat: tuple[Tensor | None, ...], gradients: tuple[Tensor | None, ...]
) -> list[Tensor | None]:
    """The gradients as a graph that can be differentiated again."""
    own = [None if t is None else t.view_as(t) for t in flat]  # apart, if one depends on another
    results = interpreter.run(call, operands_of(call.step, own))
    pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None]
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
