"""The compiled recurrence in torch's autograd."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from elman.compiler.cpu import interpreter, runtime
from elman.compiler.cpu.runtime import Tape, Task
from elman.compiler.differentiable import Flat, differentiable, not_a_view
from elman.compiler.operands import Call, Operands, operands_of


class Pass(Protocol):
    """A direction's forward pass with a tape, and its backward pass, which gives the tape up."""

    @property
    def call(self) -> Call:
        """Its arguments besides the operands."""

    def forward(self, flat: Flat) -> Task[tuple[list[Tensor], Tape]]:
        """The results, and the tape."""

    def backward(
        self, flat: Flat, tape: Tape, gradients: Flat, *, wanted: Sequence[bool]
    ) -> Task[list[Tensor | None]]:
        """The gradients of the operands, from those of the results."""


class _General(NamedTuple):
    """The passes of any call."""

    call: Call

    def forward(self, flat: Flat) -> Task[tuple[list[Tensor], Tape]]:
        return runtime.forward(self.call, operands_of(self.call.step, flat), saving=True)

    def backward(
        self, flat: Flat, tape: Tape, gradients: Flat, *, wanted: Sequence[bool]
    ) -> Task[list[Tensor | None]]:
        o = operands_of(self.call.step, flat)
        return runtime.backward(self.call, o, tape, gradients, consume=True, wanted=wanted)


def run(calls: Sequence[Call], operands: Sequence[Operands]) -> list[list[Tensor]]:
    """Sequences and last states as `interpreter.run` gives them, by kernels, of one direction or
    of two side by side."""
    flat = [tensor for each in operands for tensor in each.flat()]
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in flat):
        return train([_General(call) for call in calls], flat)
    pairs = zip(calls, operands, strict=True)
    return [
        results for results, _ in runtime.run([runtime.forward(*p, saving=False) for p in pairs])
    ]


def train(passes: Sequence[Pass], flat: Flat) -> list[list[Tensor]]:
    """The same of the passes' operands, one after the other, within torch's autograd."""
    return _parts(_apply(passes, *flat), len(passes))


def _parts(values: Sequence[Any], count: int) -> list[list[Any]]:
    size = len(values) // count
    return [list(values[size * i : size * (i + 1)]) for i in range(count)]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, passes: Sequence[Pass], *flat: Tensor | None) -> tuple[Tensor, ...]:
        count = len(passes)
        parts = _parts(flat, count)
        found = runtime.run([passes[i].forward(parts[i]) for i in range(count)])
        ctx.tapes = [tape for _, tape in found]
        results = [not_a_view(each) for part, _ in found for each in part]
        ctx.passes, ctx.inputs = passes, len(flat)
        # The results stand here so that autograd sees when they are modified in place.
        ctx.save_for_backward(*flat, *results)
        ctx.set_materialize_grads(False)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        passes, count = ctx.passes, len(ctx.passes)
        flat = _parts(ctx.saved_tensors[: ctx.inputs], count)
        given, wanted = _parts(gradients, count), _parts(ctx.needs_input_grad[1:], count)
        found: list[list[Tensor | None]] = [[None] * len(each) for each in flat]
        asked = [i for i in range(count) if any(g is not None for g in given[i])]
        if torch.is_grad_enabled():
            for i in asked:
                found[i] = differentiable(partial(_run, passes[i].call), flat[i], given[i])
            return (None, *(each for part in found for each in part))
        tapes = [ctx.tapes[i] for i in asked]
        if any(tape.gates is None for tape in tapes):  # a backward pass before has used it up
            again = runtime.run([passes[i].forward(flat[i]) for i in asked])
            tapes = [tape for _, tape in again]
        tasks = [
            passes[i].backward(flat[i], tape, given[i], wanted=wanted[i])
            for i, tape in zip(asked, tapes, strict=True)
        ]
        for i, part in zip(asked, runtime.run(tasks), strict=True):
            found[i] = part
        return (None, *(each for part in found for each in part))


# What stands before it looks at each argument for torch.func's wrappers, which never come here.
_apply: Any = super(torch.autograd.Function, _Recurrence).apply


def _run(call: Call, flat: Flat) -> list[Tensor]:
    return interpreter.run(call, operands_of(call.step, flat))
