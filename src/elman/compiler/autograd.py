"""The compiled recurrence in torch's autograd."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.compiler import interpreter
from elman.compiler.cpu import runtime
from elman.compiler.operands import Call, Operands, operands_of


def run(calls: Sequence[Call], operands: Sequence[Operands]) -> list[list[Tensor]]:
    """Sequences and last states as `interpreter.run` gives them, by kernels, of one direction or
    of two side by side."""
    flat = [tensor for each in operands for tensor in each.flat()]
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in flat):
        apply: Any = _Recurrence.apply
        return _halves(apply(tuple(calls), *flat), len(calls))
    pairs = zip(calls, operands, strict=True)
    return [
        results for results, _ in runtime.run([runtime.forward(*p, saving=False) for p in pairs])
    ]


def _halves(values: Sequence[Any], count: int) -> list[list[Any]]:
    size = len(values) // count
    return [list(values[size * i : size * (i + 1)]) for i in range(count)]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, calls: tuple[Call, ...], *flat: Tensor | None) -> tuple[Tensor, ...]:
        parts = zip(calls, _halves(flat, len(calls)), strict=True)
        tasks = [runtime.forward(c, operands_of(c.step, f), saving=True) for c, f in parts]
        found = runtime.run(tasks)
        ctx.tapes = [tape for _, tape in found]
        results = [_not_a_view(each) for part, _ in found for each in part]
        ctx.calls, ctx.inputs = calls, len(flat)
        # The results stand here so that autograd sees when they are modified in place.
        ctx.save_for_backward(*flat, *results)
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        count = len(ctx.calls)
        flat = _halves(ctx.saved_tensors[: ctx.inputs], count)
        given, wanted = _halves(gradients, count), _halves(ctx.needs_input_grad[1:], count)
        found: list[list[Tensor | None]] = [[None] * len(each) for each in flat]
        asked = [i for i in range(count) if any(g is not None for g in given[i])]
        if torch.is_grad_enabled():
            for i in asked:
                found[i] = _differentiable(ctx.calls[i], flat[i], given[i])
            return (None, *(each for part in found for each in part))
        operands = [operands_of(ctx.calls[i].step, flat[i]) for i in asked]
        calls, tapes = [ctx.calls[i] for i in asked], [ctx.tapes[i] for i in asked]
        if any(tape.gates is None for tape in tapes):  # a backward pass before has used it up
            again = zip(calls, operands, strict=True)
            tapes = [t for _, t in runtime.run([runtime.forward(*p, saving=True) for p in again])]
        tasks = [
            runtime.backward(call, o, tape, given[i], consume=True, wanted=wanted[i])
            for i, call, o, tape in zip(asked, calls, operands, tapes, strict=True)
        ]
        for i, part in zip(asked, runtime.run(tasks), strict=True):
            found[i] = part
        return (None, *(each for part in found for each in part))


def _not_a_view(tensor: Tensor) -> Tensor:
    """The same memory as a tensor of its own, so that it may be modified in place."""
    if tensor._base is None:
        return tensor
    own = tensor.new_empty(0)
    return own.set_(
        tensor.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride()
    )


def _differentiable(
    call: Call, flat: Sequence[Tensor | None], gradients: Sequence[Tensor | None]
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
