"""Running a recurrence's Triton kernels on tensors: forward, and backward to all gradients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.gpu import launch
from elman.compiler.gpu.call import Call
from elman.compiler.gpu.variant import new_needed
from elman.compiler.operands import FIXED, Operands
from elman.compiler.schedule import plan


@dataclass
class Tape:
    """What a forward pass leaves for the backward pass."""

    sequences: list[Tensor]  # of each state, (T + 1, B, H)
    results: dict[int, Tensor]  # of states whose results are not in their sequence
    feed: Tensor  # what the recurrent matrix multiplied, (T + 1, B, H)
    gates: Tensor | None  # saves, (T, B, G*H); gone after a backward pass
    saves: Tensor | None
    x: Tensor | None  # the input, without what stood on padding


def forward(call: Call, o: Operands, *, saving: bool) -> tuple[list[Tensor], Tape]:
    """Sequences of states, (T, B, H) each, and the last states, (B, H) each; and the tape, needed
    when `saving`. Of the sequences only the first is returned unless `every_state`."""
    step, own = call.step, plan(call.step)
    (steps, batch), size = o.x.shape[:2], o.hidden(step)
    x = o.x
    if call.lengths is not None and o.ih is not None:
        times = torch.arange(steps, device=x.device).unsqueeze(1)
        x = x.masked_fill((times >= call.lengths).unsqueeze(-1), 0)
    if o.ih is None:
        gates = x.clone(memory_format=torch.contiguous_format)
    else:
        gates = F.linear(x, o.ih, o.bias_ih)
    first = [s.contiguous() for s in _first_states(call, o)]
    wanted = range(step.states if call.every_state else 1)
    kept = step.states if saving or call.every_state else 1
    sequences = [gates.new_empty(steps + 1, batch, size) for _ in range(kept)]
    carried = [torch.empty_like(each) for each in first]
    starts = [call.first_slot(each) for each in sequences]
    torch._foreach_copy_([*carried, *starts], [*first, *first[:kept]])
    outs: tuple[int, ...] = ()
    if call.ragged:
        outs = tuple(sorted({*wanted, *(new_needed(step) if saving else ())}))
    results = {i: gates.new_empty(steps, batch, size) for i in outs}
    mask = None if o.h_mask is None else o.h_mask.contiguous()
    feed = sequences[0]
    if mask is not None:
        feed = torch.empty_like(feed)
        torch.mul(first[0], mask, out=call.first_slot(feed))
    extra = own.extra_saves if saving else 0
    saves = gates.new_empty(steps, batch, extra * size) if extra else None
    tensors = {
        "X": gates,
        "Saves": saves,
        "R": None if o.hh is None else o.hh.contiguous(),
        "Bias": None if o.bias_hh is None else o.bias_hh.contiguous(),
        "Feed": feed,
        **_numbered("S", sequences),
        **_numbered("C", carried),
        **{f"O{i}": each for i, each in results.items()},
        **_constants(call, o, mask),
    }
    if call.resets is not None:
        tensors |= _numbered("I", [each.contiguous() for each in o.initial])
    added = o.bias_hh is not None
    launch.run("forward", call, tensors, saving=saving, kept=kept, outs=outs, added=added)
    found = [results[i] if call.ragged else call.after(sequences[i]) for i in wanted]
    return [*found, *carried], Tape(sequences, results, feed, gates, saves, x)


def backward(
    call: Call, o: Operands, tape: Tape, gradients: Sequence[Tensor | None], wanted: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients of `Operands.flat`, from those of the results; the tape is used up.

    `wanted` tells of which of them; where not, there may be None.
    """
    step, own = call.step, plan(call.step)
    count, size = step.states, o.hidden(step)
    assert tape.gates is not None
    dx = tape.gates
    steps, batch = dx.shape[:2]
    dr = dx if own.shared or o.hh is None else dx.new_empty(steps, batch, len(o.hh))
    flows = {i: g.contiguous() for i, g in enumerate(gradients[:-count]) if g is not None}
    running = [
        dx.new_zeros(batch, size) if g is None else g.clone(memory_format=torch.contiguous_format)
        for g in gradients[-count:]
    ]
    anew = [torch.zeros_like(each) for each in running] if call.resets is not None else []
    dp = [dx.new_zeros(batch, size) for _ in range(step.params)]
    mask = None if o.h_mask is None else o.h_mask.contiguous()
    tensors = {
        "X": dx,
        "Saves": tape.saves,
        "Dr": dr,
        "R": None if o.hh is None else o.hh.contiguous(),
        **_numbered("S", tape.sequences),
        **{f"O{i}": each for i, each in tape.results.items()},
        **{f"F{i}": each for i, each in flows.items()},
        **_numbered("D", running),
        **_numbered("Dinitial", anew),
        **_numbered("Dp", dp),
        **_constants(call, o, mask),
    }
    outs = tuple(sorted(tape.results))
    launch.run("backward", call, tensors, saving=True, kept=count, outs=outs, flows=tuple(flows))
    if o.hh is not None and any(wanted[FIXED + step.params :]):
        back = call.first(dr) @ o.hh
        running[0] = running[0] + (back if mask is None else back * mask)
    if call.resets is not None:
        fresh = call.first(call.resets).unsqueeze(1)
        for i, each in enumerate(running):
            anew[i] += each.masked_fill(~fresh, 0)
            running[i] = each.masked_fill(fresh, 0)
    elif o.initial:
        anew = [torch.zeros_like(each) for each in running]
    rows = dx.view(steps * batch, -1)
    of_x = of_ih = of_hh = of_bias = of_bias_hh = None
    if wanted[0]:
        of_x = dx if o.ih is None else dx @ o.ih
    if o.ih is not None and wanted[1]:
        assert tape.x is not None
        of_ih = rows.t() @ tape.x.reshape(steps * batch, -1)
    if o.bias_ih is not None and wanted[3]:
        of_bias = rows.sum(0)
    products = dr.view(steps * batch, -1)
    if o.hh is not None and wanted[2]:
        of_hh = products.t() @ call.before(tape.feed).reshape(steps * batch, -1)
    if o.bias_hh is not None and wanted[4]:
        shared = dr is dx and of_bias is not None
        of_bias_hh = of_bias.clone() if shared and of_bias is not None else products.sum(0)
    tape.gates = tape.saves = tape.x = None
    weights = (of_x, of_ih, of_hh, of_bias, of_bias_hh, None, None)
    of_params = [each.sum(0) for each in dp]
    return [*weights, *of_params, *running, *anew, *[None] * len(o.zones)]


def _first_states(call: Call, o: Operands) -> list[Tensor]:
    if call.resets is None:
        return list(o.state)
    fresh = call.first(call.resets).unsqueeze(1)
    return [torch.where(fresh, new, old) for new, old in zip(o.initial, o.state, strict=True)]


def _numbered(name: str, tensors: Sequence[Tensor]) -> dict[str, Tensor | None]:
    return {f"{name}{i}": each for i, each in enumerate(tensors)}


def _constants(call: Call, o: Operands, mask: Tensor | None) -> dict[str, Tensor | None]:
    zones = zip(call.step.zones, o.zones, strict=True)
    resets = call.resets
    return {
        **_numbered("P", [p.contiguous() for p in o.params]),
        **{f"Z{i}": z.contiguous() for i, z in zones},
        "M": mask,
        "Lengths": None if call.lengths is None else call.lengths.contiguous(),
        "Resets": None if resets is None else resets.contiguous().view(torch.uint8),
    }
