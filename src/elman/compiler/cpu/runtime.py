"""Running a recurrence's kernels on tensors: forward, and backward to all gradients."""

import ctypes
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from elman.compiler.cpu import kernel, scratch, target, threads
from elman.compiler.interpreter import first_states, last_states
from elman.compiler.operands import Call, Operands
from elman.compiler.schedule import Plan, plan
from elman.compiler.trace import Equations

_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_PACK = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3)


_ROWS = 64  # of which the product with the input is worth its pass over the weights


class Kernel:
    """The compiled functions of some equations for one dtype."""

    def __init__(self, step: Equations, dtype: torch.dtype, machine: target.Target) -> None:
        self.plan: Plan = plan(step)
        shape = machine.shape(double=dtype == torch.float64)
        self.lanes = shape.lanes
        self.arguments = {
            "train": kernel.forward_arguments(self.plan),
            "infer": kernel.forward_arguments(self.plan),
            "backward": kernel.backward_arguments(self.plan),
        }
        teams = [f"{name}_team" for name in self.arguments if shape.team]
        packs = ["pack_input", "pack_single", *(["pack_forward"] if step.recurrent else [])]
        self.address = target.load(
            machine,
            f"{dtype}\n{step}",
            lambda: kernel.build(self.plan, shape),
            (*self.arguments, *teams, *packs),
        )
        self._entry = {name: _ENTRY(self.address[name]) for name in self.arguments}
        self._pack = {name: _PACK(self.address[name]) for name in packs}

    def run(self, name: str, call: Call, values: dict[str, int]) -> None:
        """Run one of the kernels with the values of its arguments."""
        barrier = ctypes.c_int64(0)
        table = call.layout.table
        values |= {
            "groups": len(table),
            "split": int(call.split),
            "stride": table.shape[1],
            "Table": table.ctypes.data,
            "Barrier": ctypes.addressof(barrier),
        }
        names = self.arguments[name].names
        block = (ctypes.c_int64 * len(names))(*[values[each] for each in names])
        count = call.threads if call.split else min(call.threads, len(table))
        team = self.address.get(f"{name}_team")
        threads.run(self._entry[name], team, ctypes.addressof(block), count)

    def run_one(self, name: str, block: int) -> None:
        """Run one of the kernels in this thread, its arguments at that address."""
        self._entry[name](block, 0, 1)

    def pack(self, kind: str, weight: Tensor, hidden: int, parts: int = 1) -> Tensor:
        """A weight as panels that so many threads share: `forward` (Q*H, H) and `input` (G*H, I)
        for the product with the state and the input, `single` either one for that with its
        gradients."""
        weight = weight.contiguous()
        columns, depth = weight.shape
        if kind == "single":
            columns, depth, hidden = depth, columns, depth
        padded = -(-hidden // self.lanes) * self.lanes
        packed = scratch.take(weight, depth * (columns // hidden), padded)
        self._pack[f"pack_{kind}"](weight.data_ptr(), packed.data_ptr(), depth, hidden, parts)
        return packed


@cache
def kernel_of(step: Equations, dtype: torch.dtype) -> Kernel:
    """The kernel for this processor, compiled at the first call."""
    return Kernel(step, dtype, target.host())


@dataclass
class Tape:
    """What a forward pass leaves for the backward pass."""

    sequences: list[Tensor]  # of each state, (first states and rows, H)
    feed: Tensor | None  # what the recurrent matrix multiplied, if not the first state
    gates: Tensor | None  # gate inputs, overwritten by saves; gone after a backward pass
    saves: Tensor | None
    x: Tensor | None = None  # rows of the input


def bias_of(plan: Plan, o: Operands) -> Tensor | None:
    """The bias of the gate inputs, with the recurrent one if it can be added beforehand."""
    if o.bias_ih is None or o.bias_hh is None or not plan.folded:
        return o.bias_ih
    return o.bias_ih + o.bias_hh


def forward(call: Call, o: Operands, *, saving: bool) -> tuple[list[Tensor], Tape]:
    """The results as `interpreter.run` gives them, and the tape (of use when `saving`)."""
    compiled = kernel_of(call.step, o.x.dtype)
    p, layout = compiled.plan, call.layout
    rows, size = layout.rows, len(o.ih) // call.step.gates
    x = layout.gather(o.x)
    bias, packed_input = bias_of(p, o), None
    once = not saving and _projects_inside(o)
    span = _span(call)
    gates = scratch.take(x, layout.segments * span if once else rows, len(o.ih))
    if _projects_inside(o):
        packed_input = compiled.pack("input", o.ih, size, call.parts)
        bias = x.new_zeros(len(o.ih)) if bias is None else bias.contiguous()
    elif bias is None:
        torch.mm(x, o.ih.t(), out=gates)
    else:
        torch.addmm(bias, x, o.ih.t(), out=gates)
    first = first_states(call, o)
    keeps = [saving or call.every_state or i == 0 for i in range(len(first))]
    sequences = []
    for state, keep in zip(first, keeps, strict=True):
        if keep:
            sequence = x.new_empty(rows + layout.segments, size)
            sequence[layout.first] = state
        else:
            sequence = state.clone(memory_format=torch.contiguous_format)
        sequences.append(sequence)
    mask, feed = _segment_mask(call, o), None
    if mask is not None:
        feed = x.new_empty(rows + layout.segments, size)
        torch.mul(first[0], mask, out=feed[layout.first])
    saves = scratch.take(x, rows, p.extra_saves * size) if saving and p.extra_saves else None
    packed = compiled.pack("forward", o.hh, size, call.parts) if o.hh is not None else None
    recurrent_bias = o.bias_hh
    if recurrent_bias is None and not p.folded:
        recurrent_bias = x.new_zeros(len(p.step.recurrent) * size)
    constants, held = _constants(call, o, mask)
    values = {
        "hidden": size,
        "Packed": _address(packed),
        "X": gates.data_ptr(),
        "features": 0 if packed_input is None else x.shape[1],
        "Input": x.data_ptr(),
        "PackedInput": _address(packed_input),
        "InputBias": _address(bias),
        "span": span,
        "once": layout.segments if once else 0,
        "Saves": _address(saves),
        "Bias": _address(recurrent_bias),
        "Feed": _address(feed if feed is not None else sequences[0]),
        **constants,
    }
    for i, (sequence, keep) in enumerate(zip(sequences, keeps, strict=True)):
        values[f"S{i}"], values[f"keep{i}"] = sequence.data_ptr(), int(keep)
    compiled.run("train" if saving else "infer", call, values)
    del held
    scratch.give(packed, packed_input)
    results = _results(call, o, sequences, keeps)
    if saving:
        return results, Tape(sequences, feed, gates, saves, x)
    scratch.give(gates)
    return results, Tape(sequences, None, None, None)


def _results(call: Call, o: Operands, sequences: list[Tensor], keeps: list[bool]) -> list[Tensor]:
    layout, packing = call.layout, call.layout.packing
    kept = sequences if call.every_state else sequences[:1]
    outputs = [layout.scatter(each[layout.after]) for each in kept]
    ends = []
    for sequence, keep in zip(sequences, keeps, strict=True):
        if packing is not None:
            place = packing.last_row if keep else packing.last_segment
            ends.append(sequence.index_select(0, place))
        elif keep:
            own = slice(layout.batch) if layout.reverse else slice(layout.rows, None)
            ends.append(sequence[own].clone())
        else:
            ends.append(sequence)
    return [*outputs, *last_states(call, o, ends)]


def _segment_mask(call: Call, o: Operands) -> Tensor | None:
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
    values["M"] = _address(mask)
    return values, [mask, *params, *zones]


def _projects_inside(o: Operands) -> bool:
    """Whether the kernel multiplies the input itself, some steps at a time."""
    return o.x.shape[0] > 1


def _span(call: Call) -> int:
    """How many steps' inputs are multiplied at a time."""
    rows = -(-call.layout.segments // len(call.layout.table))
    return max(1, min(call.layout.steps, _ROWS // max(1, rows)))


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def backward(
    call: Call,
    o: Operands,
    tape: Tape,
    gradients: list[Tensor | None],
    *,
    consume: bool,
    of_x: bool = True,
) -> list[Tensor | None]:
    """Gradients of `Operands.flat`, from those of the results; `consume` gives the tape up."""
    compiled = kernel_of(call.step, o.x.dtype)
    p, layout = compiled.plan, call.layout
    rows, size, count = layout.rows, len(o.ih) // call.step.gates, len(o.state)
    assert tape.gates is not None
    assert tape.x is not None
    dx = tape.gates if consume else scratch.take(tape.x, rows, len(o.ih))
    dr = dx
    if o.hh is not None and not p.shared:
        dr = scratch.take(dx, rows, len(o.hh))
    outputs = gradients[: len(gradients) - count]
    running = [_running(call, o, g) for g in gradients[-count:]]
    nothing = dx.new_zeros(size)
    flows = [layout.gather(g) if g is not None else nothing for g in outputs]
    flows += [nothing] * (count - len(flows))
    packed = compiled.pack("single", o.hh, size, call.parts) if o.hh is not None else None
    inside = of_x and _projects_inside(o)
    packed_input = compiled.pack("single", o.ih, size, call.parts) if inside else None
    d_input = torch.empty_like(tape.x) if inside else None
    dp = dx.new_zeros(len(layout.table), call.step.params, size)
    mask = _segment_mask(call, o)
    constants, held = _constants(call, o, mask)
    values = {
        "hidden": size,
        "Packed": _address(packed),
        "X": tape.gates.data_ptr(),
        "Saves": _address(tape.saves),
        "Dx": dx.data_ptr(),
        "Dr": dr.data_ptr(),
        "Dp": dp.data_ptr(),
        "features": tape.x.shape[1] if inside else 0,
        "span": _span(call),
        "Dinput": _address(d_input),
        "PackedInput": _address(packed_input),
        **constants,
    }
    for i in range(count):
        values[f"S{i}"], values[f"D{i}"] = tape.sequences[i].data_ptr(), running[i].data_ptr()
        values[f"O{i}"] = flows[i].data_ptr()
        values[f"row{i}"] = 0 if flows[i] is nothing else size
    compiled.run("backward", call, values)
    del held
    if o.hh is not None:
        start = layout.beginning(dr)
        if mask is None:
            running[0].addmm_(start, o.hh)
        else:
            running[0].addcmul_(start @ o.hh, mask)
    if of_x and d_input is None:
        d_input = dx @ o.ih
    result = _weight_gradients(call, o, tape, dx, dr)
    states, initial = _state_gradients(call, o, running, gradients[-count:])
    scratch.give(dr if dr is not dx else None, dx, tape.saves if consume else None)
    scratch.give(packed, packed_input)
    if consume:
        tape.gates = tape.saves = tape.x = None
    total = dp.sum(0)
    of_input = layout.scatter(d_input) if d_input is not None else None
    return [of_input, *result, None, *total.unbind(0), *states, *initial, *[None] * len(o.zones)]


def _weight_gradients(
    call: Call, o: Operands, tape: Tape, dx: Tensor, dr: Tensor
) -> list[Tensor | None]:
    """Of ih, hh, bias_ih and bias_hh."""
    assert tape.x is not None
    layout = call.layout
    bias_ih = dx.sum(0) if o.bias_ih is not None else None
    if o.hh is None:
        return [dx.t() @ tape.x, None, bias_ih, None]
    feed = layout.before(tape.feed if tape.feed is not None else tape.sequences[0])
    bias_hh = None
    if o.bias_hh is not None:
        bias_hh = bias_ih.clone() if dr is dx and bias_ih is not None else dr.sum(0)
    return [dx.t() @ tape.x, dr.t() @ feed, bias_ih, bias_hh]


def _running(call: Call, o: Operands, last: Tensor | None) -> Tensor:
    """A state's gradient after each segment's last step, (segments, H), to be written to."""
    size = len(o.ih) // call.step.gates
    packing = call.layout.packing
    if packing is None and last is not None:
        return last.clone(memory_format=torch.contiguous_format)
    running = o.x.new_zeros(call.layout.segments, size)
    if packing is not None and last is not None:
        running[packing.last_segment] = last.index_select(0, packing.ended)
    return running


def _state_gradients(
    call: Call, o: Operands, running: list[Tensor], last: list[Tensor | None]
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
