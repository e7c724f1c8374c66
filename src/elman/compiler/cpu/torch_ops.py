"""The compiled recurrence as torch operators, so that torch.compile and torch.export keep it whole.

The equations travel along as text, so that an exported program needs nothing but this package.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.compiler.operands import Operands, operands_of
from elman.compiler.schedule import plan
from elman.compiler.trace import parse_equations

if TYPE_CHECKING:
    from elman.compiler.cpu.runtime import Tape
    from elman.compiler.operands import Call


def run(
    flat: Sequence[Tensor | None],
    step: str,
    states: int,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    every_state: bool = False,
) -> list[Tensor]:
    """As `recurrence.run`, of operands as `Operands.flat` has them and so many states."""
    tensors = [t for t in flat if t is not None]
    absent = [index for index, t in enumerate(flat) if t is None]
    given = (absent, step, reverse, every_state, lengths, resets)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        return list(_train(tensors, *given)[: (states if every_state else 1) + states])
    return list(_infer(tensors, *given))


@torch.library.custom_op("elman::infer", mutates_args=())
def _infer(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
) -> list[Tensor]:
    from elman.compiler.cpu import runtime

    call, operands = _call(tensors, absent, step, reverse, every_state, lengths, resets)
    return _apart(runtime.run([runtime.forward(call, operands, saving=False)])[0][0])


@torch.library.custom_op("elman::train", mutates_args=())
def _train(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
) -> list[Tensor]:
    """Results; the tape, its tensors as large as the batch could ask for; the threads."""
    from elman.compiler.cpu import runtime

    call, operands = _call(tensors, absent, step, reverse, every_state, lengths, resets)
    ((results, tape),) = runtime.run([runtime.forward(call, operands, saving=True)])
    shapes = _tape_shapes(operands, step, resets)
    kept = [_grown(own, shape) for own, shape in zip(_tape_tensors(tape), shapes, strict=True)]
    return _apart([*results, *kept, torch.tensor([call.threads])])


@torch.library.custom_op("elman::backward", mutates_args=())
def _backward(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
    tape: list[Tensor],
    gradients: list[Tensor],
    missing: list[int],
) -> list[Tensor]:
    from elman.compiler.cpu import runtime

    threads = int(tape[-1])  # by which the rows were laid out
    call, operands = _call(tensors, absent, step, reverse, every_state, lengths, resets, threads)
    given = _tape(tape[:-1], call, operands)
    wanted = [True] * (len(tensors) + len(absent))
    flows = _filled(gradients, missing)
    task = runtime.backward(call, operands, given, flows, consume=False, wanted=wanted)
    (found,) = runtime.run([task])
    pairs = zip(found, _filled(tensors, absent), strict=True)
    return _apart([torch.zeros_like(t) if g is None else g for g, t in pairs if t is not None])


@_infer.register_fake
def _(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
) -> list[Tensor]:
    del reverse, lengths, resets
    return _results(_operands(tensors, absent, step), step, every_state)


@_train.register_fake
def _(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
) -> list[Tensor]:
    del reverse, lengths
    operands = _operands(tensors, absent, step)
    tape = [operands.x.new_empty(shape) for shape in _tape_shapes(operands, step, resets)]
    tape.append(operands.x.new_empty(1, dtype=torch.int64))
    return [*_results(operands, step, every_state), *tape]


@_backward.register_fake
def _(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
    tape: list[Tensor],
    gradients: list[Tensor],
    missing: list[int],
) -> list[Tensor]:
    del absent, step, reverse, every_state, lengths, resets, tape, gradients, missing
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in tensors]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    tensors, *ctx.given, lengths, resets = inputs
    equations = parse_equations(ctx.given[1])
    ctx.results = (equations.states if ctx.given[3] else 1) + equations.states
    ctx.count, ctx.has = len(tensors), (lengths is not None, resets is not None)
    extra = [each for each in (lengths, resets) if each is not None]
    ctx.save_for_backward(*extra, *tensors, *output[ctx.results :])


def _differentiate(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    lengths, resets = (saved.pop(0) if has else None for has in ctx.has)
    tensors, tape = saved[: ctx.count], saved[ctx.count :]
    given = [g for g in gradients[: ctx.results] if g is not None]
    missing = [i for i, g in enumerate(gradients[: ctx.results]) if g is None]
    found = _backward(tensors, *ctx.given, lengths, resets, tape, given, missing)
    return (list(found), *[None] * 6)


_train.register_autograd(_differentiate, setup_context=_setup)


def _results(o: Operands, step: str, every_state: bool) -> list[Tensor]:
    equations = parse_equations(step)
    steps, batch = o.x.shape[:2]
    count, size = equations.states, o.hidden(equations)
    return [
        *(o.x.new_empty(steps, batch, size) for _ in range(count if every_state else 1)),
        *(o.x.new_empty(batch, size) for _ in range(count)),
    ]


def _tape_shapes(o: Operands, step: str, resets: Tensor | None) -> list[tuple[int, ...]]:
    """Of the tape's tensors, for the most rows and segments that the batch may have."""
    equations = parse_equations(step)
    rows, size = o.x.shape[0] * o.x.shape[1], o.hidden(equations)
    total = rows + (o.x.shape[1] if resets is None else rows)
    recurrent = len(equations.recurrent) * size
    extra = plan(equations).extra_saves
    return [
        *[(total, size)] * equations.states,
        (rows, equations.gates * size),
        (rows, extra * size) if extra else (0, 0),
        (total, size) if equations.masked else (0, 0),
        (rows, recurrent) if equations.normed else (0, 0),
        (rows,) if equations.normed else (0,),
    ]


def _tape_tensors(tape: "Tape") -> list[Tensor]:
    rest = [tape.gates, tape.saves, tape.feed, tape.products]
    like = tape.sequences[0]
    some = [like.new_empty(0, 0) if each is None else each for each in rest]
    rstd = like.new_empty(0) if tape.rstd is None else tape.rstd
    return [*tape.sequences, *some, rstd]


def _tape(tensors: list[Tensor], call: "Call", o: Operands) -> "Tape":
    from elman.compiler.cpu.runtime import Tape

    *sequences, gates, saves, feed, products, rstd = tensors
    rows = call.layout.rows
    total = rows + call.layout.segments

    def some(tensor: Tensor, count: int) -> Tensor | None:
        return tensor[:count] if tensor.numel() else None

    return Tape(
        [each[:total] for each in sequences],
        some(feed, total),
        gates[:rows],
        some(saves, rows),
        call.layout.gather(o.x),
        some(products, rows),
        some(rstd, rows),
    )


def _grown(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor with as many rows as the shape has."""
    if tensor.shape == shape:
        return tensor
    whole = tensor.new_zeros(shape)
    whole[: len(tensor)] = tensor
    return whole


def _operands(tensors: list[Tensor], absent: list[int], step: str) -> Operands:
    return operands_of(parse_equations(step), _filled(tensors, absent))


def _call(
    tensors: list[Tensor],
    absent: list[int],
    step: str,
    reverse: bool,
    every_state: bool,
    lengths: Tensor | None,
    resets: Tensor | None,
    threads: int | None = None,
) -> tuple["Call", Operands]:
    from elman.compiler.cpu import recurrence

    operands = _operands(tensors, absent, step)
    call = recurrence.plan_call(
        parse_equations(step),
        operands,
        lengths=lengths,
        resets=resets,
        reverse=reverse,
        every_state=every_state,
        threads=threads,
    )
    return call, operands


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
