"""Running a recurrence's kernels on tensors: forward, and backward to all gradients."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from elman.compiler.cpu import compiled, scratch
from elman.compiler.cpu.compiled import Block, Kernel
from elman.compiler.cpu.interpreter import first_states, last_states
from elman.compiler.cpu.layout import Layout
from elman.compiler.operands import FIXED, Call, Operands

_Result = TypeVar("_Result")
Task = Generator[tuple[Kernel, str, Block], None, _Result]  # stops where its kernel runs
_ROWS = 64  # of which the product with the input is worth its pass over the weights


@dataclass
class Tape:
    """What a forward pass leaves for the backward pass."""

    sequences: list[Tensor]  # of each state, (first states and rows, H)
    feed: Tensor | None  # what the recurrent matrix multiplied, if not the first state
    gates: Tensor | None  # gate inputs, overwritten by saves; gone after a backward pass
    saves: Tensor | None
    x: Tensor | None = None  # rows of the input
    products: Tensor | None = None  # normalised recurrent products
    rstd: Tensor | None = None


def run(tasks: Sequence[Task[_Result]]) -> list[_Result]:
    """Let one or two passes of the same kernel go up to it, run it for all, and let them end."""
    asked = [next(task) for task in tasks]
    if asked:
        kernel, name, _ = asked[0]
        kernel.run(name, *(block for *_, block in asked))
    results = []
    for task in tasks:
        try:
            next(task)
        except StopIteration as end:
            results.append(end.value)
    return results


def forward(call: Call, o: Operands, *, saving: bool) -> Task[tuple[list[Tensor], Tape]]:
    """The results as `interpreter.run` gives them, and the tape (needed when `saving`)."""
    kernel = compiled.kernel_of(call.step, o.x.dtype, call.half)
    p, layout = kernel.plan, call.layout
    size, count = o.hidden(p.step), p.step.states
    rows, segments, ragged = layout.rows, layout.segments, layout.packing is not None
    span, recurrent = span_of(layout), len(p.step.recurrent) * size
    keeps = [saving or call.every_state or call.split or i == 0 for i in range(count)]
    empty = o.x.new_empty
    sequences = [empty(rows + segments if keep else segments, size) for keep in keeps]
    last = [empty(segments, size) if k else s for s, k in zip(sequences, keeps, strict=True)]
    first = [each.contiguous() for each in first_states(call, o)]
    mask = segment_mask(call, o)
    feed = None if mask is None else empty(rows + segments, size)
    once = not saving and o.ih is not None
    x = packed_input = bias = folded = gathered = None
    if o.ih is None:
        gates = scratch.take(o.x, rows, p.step.gates * size)
        gates.copy_(layout.gather(o.x))
    else:
        gates = scratch.take(o.x, segments * span if once else rows, len(o.ih))
        packed_input = kernel.pack("input", o.ih, size, call.parts)
        nothing = zeros(o.x.dtype, len(o.ih))
        bias = nothing if o.bias_ih is None else o.bias_ih.contiguous()
        folded = o.bias_hh.contiguous() if p.folded and o.bias_hh is not None else nothing
        x = o.x.reshape(-1, o.x.shape[2]).contiguous()
        if ragged:
            gathered = empty(rows, x.shape[1]) if saving else scratch.take(x, rows, x.shape[1])
    packed = None if o.hh is None else kernel.pack("forward", o.hh, size, call.parts)
    extra = p.extra_saves if saving else 0
    saves = scratch.take(o.x, rows, extra * size) if extra else None
    products = rstd = None
    if p.step.normed:
        products = scratch.take(o.x, segments if once else rows, recurrent)
        rstd = empty(rows) if saving else None
    recurrent_bias = None if o.bias_hh is None else o.bias_hh.contiguous()
    if recurrent_bias is None and not p.folded:
        recurrent_bias = zeros(o.x.dtype, recurrent)
    outs = [o.x.new_zeros(*layout.shape, size) for _ in _kept(call, sequences)] if ragged else []
    constants, held = _constants(call, o, mask)
    values = {
        "hidden": size,
        "direct": 0,
        "direct_input": 0,
        "room": 0,
        "Panel": 0,
        "Packed": _address(packed),
        "X": gates.data_ptr(),
        "features": 0 if x is None else x.shape[1],
        "span": span,
        "merged": int(merges(layout)),
        "once": segments if once else 0,
        "Input": _address(x),
        "Rows": _address(gathered),
        "PackedInput": _address(packed_input),
        "InputBias": _address(bias),
        "FoldedBias": _address(folded),
        "Saves": _address(saves),
        "Bias": _address(recurrent_bias),
        "Feed": _address(feed if feed is not None else sequences[0]),
        "U": _address(products),
        "Rstd": _address(rstd),
        **constants,
    }
    for i in range(count):
        values[f"S{i}"], values[f"keep{i}"] = sequences[i].data_ptr(), int(keeps[i])
        values[f"First{i}"], values[f"Last{i}"] = first[i].data_ptr(), last[i].data_ptr()
        values[f"Out{i}"] = outs[i].data_ptr() if i < len(outs) else 0
    name = "train" if saving else "infer"
    yield kernel, name, Block.of(kernel.arguments[name].names, call, values)
    del held
    scratch.give(packed, packed_input)
    outputs = outs or [_view(call, each[layout.after]) for each in _kept(call, sequences)]
    if layout.packing is not None:
        last = [each.index_select(0, layout.packing.last_segment) for each in last]
    results = [*outputs, *last_states(call, o, last)]
    if saving:
        rows_in = x if gathered is None else gathered
        return results, Tape(sequences, feed, gates, saves, rows_in, products, rstd)
    scratch.give(gates, products, gathered)
    return results, Tape(sequences, None, None, None)


def _kept(call: Call, sequences: list[Tensor]) -> list[Tensor]:
    return sequences if call.every_state else sequences[:1]


def _view(call: Call, rows: Tensor) -> Tensor:
    return rows.view(*call.layout.shape, -1)


@cache
def zeros(dtype: torch.dtype, count: int) -> Tensor:
    """Zeros that nobody writes to."""
    with torch.inference_mode(False):
        return torch.zeros(count, dtype=dtype)


def segment_mask(call: Call, o: Operands) -> Tensor | None:
    """The mask on what the recurrent matrix multiplies, (segments, H)."""
    packing = call.layout.packing
    if o.h_mask is None or packing is None:
        return o.h_mask
    return o.h_mask.index_select(0, packing.sequence)


def _constants(
    call: Call, o: Operands, mask: Tensor | None
) -> tuple[dict[str, int], list[Tensor | None]]:
    """Addresses of what both directions read, and the tensors to be held meanwhile."""
    mask = mask.contiguous() if mask is not None else None
    params = [p.contiguous() for p in o.params]
    zones = [call.layout.gather(z) for z in o.zones]
    values = {f"P{i}": p.data_ptr() for i, p in enumerate(params)}
    values |= {f"Z{i}": z.data_ptr() for i, z in zip(call.step.zones, zones, strict=True)}
    gain = o.norm.contiguous() if o.norm is not None else None
    values |= {
        "M": _address(mask),
        "Gain": _address(gain),
        "InputGain": 0,  # inputs are normalised before
        "InputShift": 0,
        "Source": call.layout.source.data_ptr(),
    }
    return values, [mask, gain, *params, *zones]


def span_of(layout: Layout) -> int:
    """How many steps' inputs are multiplied at a time."""
    rows = -(-layout.segments // len(layout.table))
    return max(1, min(layout.steps, _ROWS // max(1, rows)))


def merges(layout: Layout) -> bool:
    """Whether the rows of consecutive steps of a group lie one after the other."""
    return layout.packing is not None or len(layout.table) == 1


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def backward(
    call: Call,
    o: Operands,
    tape: Tape,
    gradients: Sequence[Tensor | None],
    *,
    consume: bool,
    wanted: Sequence[bool],
) -> Task[list[Tensor | None]]:
    """Gradients of `Operands.flat`, from those of the results; `consume` gives the tape up.

    `wanted` tells of which of them; where not, there may be None.
    """
    kernel = compiled.kernel_of(call.step, o.x.dtype, call.half)
    p, layout = kernel.plan, call.layout
    rows, size, count = layout.rows, o.hidden(p.step), len(o.state)
    groups, recurrent = len(layout.table), len(p.step.recurrent) * size
    assert tape.gates is not None
    dx = tape.gates if consume else scratch.take(o.x, rows, p.step.gates * size)
    dr = dx
    if o.hh is not None and not p.shared:
        dr = scratch.take(dx, rows, len(o.hh))
    running = [running_gradient(call, o, g) for g in gradients[-count:]]
    nothing = zeros(o.x.dtype, size)
    flows = [None if g is None else g.contiguous() for g in gradients[:-count]]
    flows += [None] * (count - len(flows))
    packed = None if o.hh is None else kernel.pack("single", o.hh, size, call.parts)
    packed_input = d_input = None
    if o.ih is not None and wanted[0]:
        packed_input = kernel.pack("single", o.ih, size, call.parts)
        make = o.x.new_empty if layout.packing is None else o.x.new_zeros
        d_input = make(o.x.shape)
    dp = o.x.new_zeros(groups, call.step.params, size) if call.step.params else None
    d_norm = o.x.new_zeros(2, groups, recurrent) if p.step.normed else None
    mask = segment_mask(call, o)
    constants, held = _constants(call, o, mask)
    values = {
        "hidden": size,
        "direct": 0,
        "direct_input": 0,
        "room": 0,
        "Panel": 0,
        "Packed": _address(packed),
        "X": tape.gates.data_ptr(),
        "Saves": _address(tape.saves),
        "Dx": dx.data_ptr(),
        "Dr": dr.data_ptr(),
        "Dp": _address(dp),
        "features": 0 if d_input is None else o.x.shape[2],
        "span": span_of(layout),
        "Dinput": _address(d_input),
        "PackedInput": _address(packed_input),
        "U": _address(tape.products),
        "Rstd": _address(tape.rstd),
        "Dgain": 0 if d_norm is None else d_norm[0].data_ptr(),
        "Dshift": 0 if d_norm is None else d_norm[1].data_ptr(),
        **constants,
    }
    for i, flow in enumerate(flows):
        values[f"S{i}"], values[f"D{i}"] = tape.sequences[i].data_ptr(), running[i].data_ptr()
        values[f"O{i}"] = (nothing if flow is None else flow).data_ptr()
        values[f"row{i}"] = 0 if flow is None else size
    yield kernel, "backward", Block.of(kernel.arguments["backward"].names, call, values)
    del held
    of_states = any(wanted[FIXED + call.step.params :])
    if o.hh is not None and of_states:
        start = layout.beginning(dr)
        if mask is None:
            running[0].addmm_(start, o.hh)
        else:
            running[0].addcmul_(start @ o.hh, mask)
    of_x = d_input
    if o.ih is None:  # dx is a buffer that others will use
        of_x = _view(call, dx).clone() if layout.packing is None else layout.scatter(dx)
    of_norm = None if d_norm is None else d_norm.sum(1)
    weights = _weight_gradients(o, call, tape, dx, dr, wanted)
    if of_norm is not None and o.bias_hh is not None:
        weights[3] = of_norm[1]
    states: list[Tensor | None] = [None] * (len(o.state) + len(o.initial))
    if of_states:
        given, initial = state_gradients(call, o, running, gradients[-count:])
        states = [*given, *initial]
    scratch.give(dr if dr is not dx else None, dx, packed, packed_input)
    if consume:
        scratch.give(tape.saves, tape.products)
        tape.gates = tape.saves = tape.x = tape.products = None
    of_params = () if dp is None else dp.sum(0).unbind(0)
    gain = None if of_norm is None else of_norm[0]
    return [of_x, *weights, None, gain, *of_params, *states, *[None] * len(o.zones)]


def _weight_gradients(
    o: Operands, call: Call, tape: Tape, dx: Tensor, dr: Tensor, wanted: Sequence[bool]
) -> list[Tensor | None]:
    """Of ih, hh, bias_ih and bias_hh."""
    ih = bias_ih = hh = bias_hh = None
    if o.ih is not None and wanted[1]:
        assert tape.x is not None
        ih = _outer(dx, tape.x, half=call.half)
    if o.bias_ih is not None and wanted[3]:
        bias_ih = dx.sum(0)
    if o.hh is not None and wanted[2]:
        feed = tape.feed if tape.feed is not None else tape.sequences[0]
        hh = _outer(dr, call.layout.before(feed), half=call.half)
    if o.bias_hh is not None and wanted[4] and not call.step.normed:
        bias_hh = bias_ih.clone() if dr is dx and bias_ih is not None else dr.sum(0)
    return [ih, hh, bias_ih, bias_hh]


def _outer(d: Tensor, rows: Tensor, *, half: bool) -> Tensor:
    if half:
        return (d.bfloat16().t() @ rows.bfloat16()).float()
    return d.t() @ rows


def running_gradient(call: Call, o: Operands, last: Tensor | None) -> Tensor:
    """A state's gradient after each segment's last step, (segments, H), to be written to."""
    size = o.state[0].shape[1]
    packing = call.layout.packing
    if packing is None and last is not None:
        return last.clone(memory_format=torch.contiguous_format)
    running = o.x.new_zeros(call.layout.segments, size)
    if packing is not None and last is not None:
        running[packing.last_segment] = last.index_select(0, packing.ended)
    return running


def state_gradients(
    call: Call, o: Operands, running: list[Tensor], last: Sequence[Tensor | None]
) -> tuple[list[Tensor], list[Tensor]]:
    """Of the given states and of those after resets, (B, H) each."""
    packing = call.layout.packing
    if packing is None:
        return running, []
    given, initial = [], []
    for d, end in zip(running, last, strict=True):
        whole = d.new_zeros(o.state[0].shape) if end is None else end.clone()
        whole.index_fill_(0, packing.ended, 0)  # an empty sequence hands its gradient through
        if packing.given is None:
            given.append(whole.index_add_(0, packing.sequence, d))
            continue
        mine, nothing = packing.given.unsqueeze(1), d.new_zeros(())
        given.append(whole.index_add_(0, packing.sequence, torch.where(mine, d, nothing)))
        anew = torch.where(mine, nothing, d)
        initial.append(torch.zeros_like(whole).index_add_(0, packing.sequence, anew))
    if o.initial and not initial:
        initial = [torch.zeros_like(each) for each in given]
    return given, initial
