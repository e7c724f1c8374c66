"""The compiled recurrence as torch operators, so that torch.compile and torch.export keep it whole.

They serve dense batches without masks; the equations travel along as text, so that an exported
program needs nothing but this package.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.compiler.trace import parse_equations

if TYPE_CHECKING:
    from elman.compiler.operands import Call, Operands


def run(
    flat: Sequence[Tensor | None], step: str, states: int, *, reverse: bool
) -> tuple[Tensor, list[Tensor]]:
    """The first state at every step and the last states, of operands without masks.

    `flat` as `Operands.flat` has it.
    """
    tensors = [t for t in flat if t is not None]
    absent = [index for index, t in enumerate(flat) if t is None]
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        results = _train(tensors, absent, step, reverse)
    else:
        results = _infer(tensors, absent, step, reverse)
    return results[0], list(results[1 : 1 + states])


@torch.library.custom_op("elman::infer", mutates_args=())
def _infer(tensors: list[Tensor], absent: list[int], step: str, reverse: bool) -> list[Tensor]:
    from elman.compiler.cpu import runtime

    call, operands = _call(tensors, absent, step, reverse)
    return _apart(runtime.forward(call, operands, saving=False)[0])


@torch.library.custom_op("elman::train", mutates_args=())
def _train(tensors: list[Tensor], absent: list[int], step: str, reverse: bool) -> list[Tensor]:
    """Results, then the tape: sequences, gates and saves."""
    from elman.compiler.cpu import runtime

    call, operands = _call(tensors, absent, step, reverse)
    results, tape = runtime.forward(call, operands, saving=True)
    assert tape.gates is not None
    saves = tape.saves if tape.saves is not None else tape.gates.new_empty(0, 0)
    return _apart([*results, *tape.sequences, tape.gates, saves])


@torch.library.custom_op("elman::backward", mutates_args=())
def _backward(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    tape: list[Tensor],
    gradients: list[Tensor],
    missing: list[int],
) -> list[Tensor]:
    from elman.compiler.cpu import runtime

    call, operands = _call(tensors, absent, step, reverse)
    *sequences, gates, saves = tape
    x = call.layout.gather(operands.x)
    given = runtime.Tape(sequences, None, gates, saves if saves.numel() else None, x)
    found = runtime.backward(call, operands, given, _filled(gradients, missing), consume=False)
    return _apart([gradient for gradient in found if gradient is not None])


@_infer.register_fake
def _(tensors: list[Tensor], absent: list[int], step: str, reverse: bool) -> list[Tensor]:
    del absent, reverse
    return _results(tensors, step)


@_train.register_fake
def _(tensors: list[Tensor], absent: list[int], step: str, reverse: bool) -> list[Tensor]:
    from elman.compiler.schedule import plan

    del absent, reverse
    x, ih = tensors[:2]
    rows, size = x.shape[0] * x.shape[1], ih.shape[0] // parse_equations(step).gates
    extra = plan(parse_equations(step)).extra_saves
    states = parse_equations(step).states
    return [
        *_results(tensors, step),
        *(x.new_empty(rows + x.shape[1], size) for _ in range(states)),
        x.new_empty(rows, ih.shape[0]),
        x.new_empty(rows, extra * size) if extra else x.new_empty(0, 0),
    ]


@_backward.register_fake
def _(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    tape: list[Tensor],
    gradients: list[Tensor],
    missing: list[int],
) -> list[Tensor]:
    del absent, step, reverse, tape, gradients, missing
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in tensors]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    tensors, ctx.absent, ctx.step, ctx.reverse = inputs
    ctx.count = len(tensors)
    ctx.results = 1 + parse_equations(ctx.step).states
    ctx.save_for_backward(*tensors, *output[ctx.results :])


def _differentiate(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    tensors, tape = saved[: ctx.count], saved[ctx.count :]
    given = [g for g in gradients[: ctx.results] if g is not None]
    missing = [i for i, g in enumerate(gradients[: ctx.results]) if g is None]
    found = _backward(tensors, ctx.absent, ctx.step, ctx.reverse, tape, given, missing)
    return list(found), None, None, None


_train.register_autograd(_differentiate, setup_context=_setup)


def _results(tensors: list[Tensor], step: str) -> list[Tensor]:
    x, ih = tensors[:2]
    equations = parse_equations(step)
    steps, batch, size = x.shape[0], x.shape[1], ih.shape[0] // equations.gates
    last = [x.new_empty(batch, size) for _ in range(equations.states)]
    return [x.new_empty(steps, batch, size), *last]


def _call(
    tensors: list[Tensor], absent: list[int], step: str, reverse: bool
) -> tuple["Call", "Operands"]:
    from elman.compiler import recurrence

    equations = parse_equations(step)
    return recurrence.dense_call(equations, _filled(tensors, absent), reverse=reverse)


def _filled(tensors: Sequence[Tensor], absent: Sequence[int]) -> list[Tensor | None]:
    filled: list[Tensor | None] = list(tensors)
    for index in absent:
        filled.insert(index, None)
    return filled


def _apart(tensors: list[Tensor]) -> list[Tensor]:
    """The tensors, no two of them in the same memory: an operator's results must be so."""
    seen: set[int] = set()
    apart = []
    for tensor in tensors:
        place = tensor.untyped_storage().data_ptr()
        copied = tensor._base is not None or (place in seen and tensor.numel())
        apart.append(tensor.clone(memory_format=torch.contiguous_format) if copied else tensor)
        seen.add(place)
    return apart
