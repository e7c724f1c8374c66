"""The recurrence run step by step on tensors: slow, differentiable any number of times."""

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.compiler.cpu.layout import HEAD, PER_STEP
from elman.compiler.expression import evaluate, read
from elman.compiler.operands import Call, Operands


def first_states(call: Call, o: Operands) -> list[Tensor]:
    """Each state before the first step of each segment, (segments, H)."""
    packing = call.layout.packing
    if packing is None:
        return list(o.state)
    rows = [s.index_select(0, packing.sequence) for s in o.state]
    if packing.given is None:
        return rows
    anew = [s.index_select(0, packing.sequence) for s in o.initial]
    given = packing.given.unsqueeze(1)
    return [torch.where(given, row, new) for row, new in zip(rows, anew, strict=True)]


def last_states(call: Call, o: Operands, ends: list[Tensor]) -> list[Tensor]:
    """Each sequence's last state, (B, H), from those of `packing.ended`."""
    packing = call.layout.packing
    if packing is None:
        return ends
    pairs = zip(o.state, ends, strict=True)
    return [s.index_copy(0, packing.ended, end) for s, end in pairs]


def run(call: Call, o: Operands) -> list[Tensor]:
    """Sequences of states, (T, B, H) each, and the last states, (B, H) each.

    Of the sequences only the first is returned unless `every_state`.
    """
    step, layout = call.step, call.layout
    size, x = o.hidden(step), layout.gather(o.x)
    if o.ih is not None:
        x = F.linear(x, o.ih, o.bias_ih)
    zones = [layout.gather(z) for z in o.zones]
    mask = o.h_mask
    if mask is not None and layout.packing is not None:
        mask = mask.index_select(0, layout.packing.sequence)
    first = first_states(call, o)
    places: list[Tensor] = []
    values: list[list[Tensor]] = [[] for _ in first]
    ends: list[list[Tensor]] = [[] for _ in first]
    for table in layout.table:
        steps, base = int(table[0]), int(table[1])
        entries = table[HEAD:].reshape(-1, PER_STEP)[:steps]
        members = int(entries[0, 0]) if steps else 0
        own = slice(base, base + members)
        state = [s[own] for s in first]
        for rows, at, _, now in entries.tolist():
            live = [s[:rows] for s in state]
            gates = torch.split(x[at : at + rows], size, 1)
            inputs = {read("x", g): gate for g, gate in enumerate(gates)}
            inputs |= {read("s", i): s for i, s in enumerate(live)}
            inputs |= {read("p", i): p.expand(rows, -1) for i, p in enumerate(o.params)}
            pairs = zip(step.zones, zones, strict=True)
            inputs |= {read("z", i): z[at : at + rows] for i, z in pairs}
            feed = live[0]
            if mask is not None:
                inputs[read("m", 0)] = mask[own][:rows]
                feed = feed * mask[own][:rows]
            if o.hh is not None:
                product = F.linear(feed, o.hh, None if step.normed else o.bias_hh)
                if step.normed:
                    product = F.layer_norm(product, (len(o.hh),), o.norm, o.bias_hh)
                products = torch.split(product, size, 1)
                inputs |= {read("r", q): r for q, r in enumerate(products)}
            new = evaluate(step.new, inputs)
            state = [torch.cat([n, s[rows:]]) for n, s in zip(new, state, strict=True)]
            places.append(torch.arange(now, now + rows))
            for each, n in zip(values, new, strict=True):
                each.append(n)
        for each, s in zip(ends, state, strict=True):
            each.append(s)
    total = layout.rows + layout.segments
    index = torch.cat(places)
    sequences = [
        layout.scatter(v[0].new_zeros(total, size).index_copy(0, index, torch.cat(v))[layout.after])
        for v in values
    ]
    last = [torch.cat(each) for each in ends]
    if layout.packing is not None:
        last = [each.index_select(0, layout.packing.last_segment) for each in last]
    kept = sequences if call.every_state else sequences[:1]
    return [*kept, *last_states(call, o, last)]
