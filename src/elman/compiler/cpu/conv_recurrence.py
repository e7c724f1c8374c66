"""The recurrence over feature maps: torch's convolutions around compiled pointwise steps.

Every tensor of maps lies with its channels last, so that a step's rows (sequence, place) have
their gates side by side. The products of the input, and the gradients of both kernels, are made of
all steps at once. A `Layout` tells which rows of images belong to which step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.compiler.cpu import scratch
from elman.compiler.cpu.convolution import Convolution, Geometry, weight_gradients
from elman.compiler.cpu.interpreter import first_states, last_states
from elman.compiler.cpu.layout import HEAD, PER_STEP, Layout
from elman.compiler.cpu.pointwise import pointwise_of
from elman.compiler.cpu.runtime import running_gradient, segment_mask, state_gradients, zeros
from elman.compiler.operands import FIXED, Call, Operands


@dataclass(frozen=True)
class Maps:
    """A call's geometry: the size of the state's maps, its channels and both convolutions."""

    height: int
    width: int
    channels: int
    ih: Geometry
    hh: Geometry

    @property
    def places(self) -> int:
        """Places of a map."""
        return self.height * self.width

    def images(self, rows: Tensor) -> Tensor:
        """Rows (N, places * channels) as images."""
        channels = rows.shape[1] // self.places
        return rows.view(len(rows), self.height, self.width, channels).permute(0, 3, 1, 2)


def as_rows(images: Tensor) -> Tensor:
    """(..., C, H, W) as rows (..., H * W * C)."""
    return images.movedim(-3, -1).flatten(-3)


@dataclass
class Tape:
    """What a forward pass leaves for the backward pass, all by rows of images."""

    x: Tensor  # images
    sequences: list[Tensor]  # of each state, (first states and rows, places * C)
    feed: Tensor | None
    gates: Tensor | None  # saves where the gate inputs stood; gone after a backward pass
    saves: Tensor | None


@dataclass(frozen=True)
class _Step:
    rows: int
    at: int
    before: int
    now: int


def _steps(layout: Layout) -> list[_Step]:
    if not len(layout.table):
        return []
    steps = int(layout.table[0, 0])
    entries = layout.table[0, HEAD:].reshape(-1, PER_STEP)[:steps]
    return [_Step(*entry) for entry in entries.tolist()]


def forward(call: Call, maps: Maps, o: Operands, *, saving: bool) -> tuple[list[Tensor], Tape]:
    """Sequences of states, (T, B, places * C) each, and the last states; and the tape.

    Of the operands the states, masks and zones are rows of images, a parameter is (1, C) or
    (places, C), `x` is (T, B, I, height, width), and the weights are kernels.
    """
    kernel, layout = pointwise_of(call.step, o.x.dtype), call.layout
    p, steps, segments = kernel.plan, _steps(layout), layout.segments
    x = o.x.flatten(0, 1)
    if layout.packing is not None:
        x = x.index_select(0, layout.source)
    x = x.contiguous(memory_format=torch.channels_last)
    ih, hh = _convolutions(call, maps, o)
    gates = as_rows(ih(x, o.bias_ih))
    size, empty = maps.places * maps.channels, o.x.new_empty
    first = [each.contiguous() for each in first_states(call, o)]
    keeps = [saving or call.every_state or i == 0 for i in range(p.step.states)]
    sequences = [
        empty(layout.rows + segments, size) if k else each.clone()
        for k, each in zip(keeps, first, strict=True)
    ]
    if steps:
        begin = slice(steps[0].before, steps[0].before + segments)
        for keep, sequence, start in zip(keeps, sequences, first, strict=True):
            if keep:
                sequence[begin] = start
    mask = segment_mask(call, o)
    feed = None if mask is None else empty(layout.rows + segments, size)
    if feed is not None and mask is not None and steps:
        torch.mul(first[0], mask, out=feed[begin])
    fed = sequences[0] if feed is None else feed
    extra = p.extra_saves if saving else 0
    saves = scratch.take(o.x, layout.rows, extra * size) if extra else None
    constants = _Constants(call, maps, o, mask)
    last = [empty(segments, size) if keep else s for keep, s in zip(keeps, sequences, strict=True)]
    for t, here in enumerate(steps):
        values, products = constants.at(here), None
        if hh is not None:
            h = maps.images(fed[here.before : here.before + here.rows])
            products = as_rows(hh(h, o.bias_hh))
            values["R"] = products.data_ptr()
        values["X"] = gates[here.at :].data_ptr()
        values["Saves"] = _address(saves, here.at)
        values["Feed"] = _address(feed, here.now)
        for i, sequence in enumerate(sequences):
            values[f"S{i}"] = _address(sequence, here.before if keeps[i] else 0)
            values[f"N{i}"] = _address(sequence, here.now if keeps[i] else 0)
        kernel.run("train" if saving else "infer", values, call.threads)
        scratch.give(products)
        goes_on = steps[t + 1].rows if t + 1 < len(steps) else 0
        for end, sequence, keep in zip(last, sequences, keeps, strict=True):
            if keep and goes_on < here.rows:
                end[goes_on : here.rows] = sequence[here.now + goes_on : here.now + here.rows]
    kept = sequences if call.every_state else sequences[:1]
    outputs = [layout.scatter(each[layout.after]) for each in kept]
    if layout.packing is not None:
        last = [each.index_select(0, layout.packing.last_segment) for each in last]
    results = [*outputs, *last_states(call, o, last)]
    if not saving:
        scratch.give(gates)
    return results, Tape(x, sequences, feed, gates if saving else None, saves)


def backward(
    call: Call,
    maps: Maps,
    o: Operands,
    tape: Tape,
    gradients: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients of `Operands.flat`, from those of the results; gives the tape up."""
    kernel, layout = pointwise_of(call.step, o.x.dtype), call.layout
    p, steps, count = kernel.plan, _steps(layout), len(o.state)
    size, recurrent = maps.places * maps.channels, len(p.step.recurrent)
    gates = tape.gates
    assert gates is not None
    dx = gates
    dr = dx if p.shared or o.hh is None else scratch.take(dx, layout.rows, recurrent * size)
    running = [running_gradient(call, o, g) for g in gradients[-count:]]
    nothing = zeros(o.x.dtype, maps.channels)
    flows = [None if g is None else layout.gather(g.contiguous()) for g in gradients[:-count]]
    flows += [None] * (count - len(flows))
    mask = segment_mask(call, o)
    constants = _Constants(call, maps, o, mask)
    ih, hh = _convolutions(call, maps, o)
    params = p.step.params
    dp = o.x.new_zeros(maps.places, params * maps.channels) if params else None
    by_row = scratch.take(o.x, layout.segments, params * size) if params else None
    later: _Step | None = None

    def of_feed(first: int, rows: int) -> Tensor:
        """The gradient of what the recurrent kernel multiplied, from that of its products."""
        assert hh is not None
        d = maps.images(dr[first : first + rows])
        return as_rows(hh.input_gradient(d, maps.images(tape.sequences[0][:rows])))

    for here in reversed(steps):
        values, f = constants.at(here), None
        if hh is not None:
            f = of_feed(later.at, later.rows) if later else o.x.new_zeros(0, size)
            if len(f) < here.rows:  # the others end here
                f = torch.cat([f, f.new_zeros(here.rows - len(f), size)])
            values["F"] = f.data_ptr()
        values["X"] = values["Dx"] = gates[here.at :].data_ptr()
        values["Dr"] = _address(dr, here.at)
        values["Saves"] = _address(tape.saves, here.at)
        values["Dp"] = _address(by_row, 0)
        for i, flow in enumerate(flows):
            values[f"S{i}"] = _address(tape.sequences[i], here.before)
            values[f"N{i}"] = _address(tape.sequences[i], here.now)
            values[f"D{i}"] = running[i].data_ptr()
            values[f"O{i}"] = nothing.data_ptr() if flow is None else _address(flow, here.at)
            values[f"row{i}"] = 0 if flow is None else maps.channels
        kernel.run("backward", values, call.threads)
        scratch.give(f)
        if dp is not None and by_row is not None:
            dp += by_row[: here.rows].view(here.rows, *dp.shape).sum(0)
        later = here
    states: list[Tensor | None] = [None] * (len(o.state) + len(o.initial))
    of_states = any(wanted[FIXED + params :])
    if later is not None and hh is not None and of_states:
        start = of_feed(later.at, later.rows)
        running[0] += start if mask is None else start * mask
    x_gradient = None
    if wanted[0]:
        rows = as_rows(ih.input_gradient(maps.images(dx), tape.x))
        x_gradient = layout.scatter(rows).view(*o.x.shape[:2], *o.x.shape[3:], -1).movedim(-1, 2)
    of_ih, of_hh = _weight_gradients(maps, call, tape, (dx, dr), (ih, hh), wanted)
    of_bias_ih = of_bias_hh = None
    if o.bias_ih is not None and wanted[3]:
        of_bias_ih = dx.view(-1, len(o.bias_ih)).sum(0)
    if o.bias_hh is not None and wanted[4]:
        shared = of_bias_ih if dr is dx else None
        of_bias_hh = dr.view(-1, len(o.bias_hh)).sum(0) if shared is None else shared.clone()
    if of_states:
        given, initial = state_gradients(call, o, running, gradients[-count:])
        states = [*given, *initial]
    of_params: list[Tensor] = []
    if dp is not None:
        parts = dp.view(maps.places, params, maps.channels).unbind(1)
        of_params = [
            part.sum(0, keepdim=True) if len(own) == 1 else part
            for part, own in zip(parts, o.params, strict=True)
        ]
    scratch.give(dx, dr if dr is not dx else None, by_row, tape.saves)
    tape.gates = tape.saves = None
    zones = [None] * len(o.zones)
    weights = (of_ih, of_hh, of_bias_ih, of_bias_hh)
    return [x_gradient, *weights, None, None, *of_params, *states, *zones]


def _convolutions(call: Call, maps: Maps, o: Operands) -> tuple[Convolution, Convolution | None]:
    assert o.ih is not None
    hh = None if o.hh is None else Convolution(maps.hh, o.hh, call.threads)
    return Convolution(maps.ih, o.ih, call.threads), hh


def _weight_gradients(
    maps: Maps,
    call: Call,
    tape: Tape,
    gradients: tuple[Tensor, Tensor],
    products: tuple[Convolution, Convolution | None],
    wanted: Sequence[bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Of ih and hh, from the gradients of their products."""
    (dx, dr), (ih, hh) = gradients, products
    of_input = [(ih, tape.x)] if wanted[1] else []
    of_state = []
    if hh is not None and wanted[2]:
        fed = call.layout.before(tape.sequences[0] if tape.feed is None else tape.feed)
        of_state = [(hh, maps.images(fed))]
    if dr is dx:
        found = weight_gradients(maps.images(dx), [*of_input, *of_state])
    else:
        found = weight_gradients(maps.images(dx), of_input)
        found += weight_gradients(maps.images(dr), of_state)
    return found[0] if of_input else None, found[-1] if of_state else None


class _Constants:
    """The arguments of a step that are the same in both passes; holds their tensors."""

    def __init__(self, call: Call, maps: Maps, o: Operands, mask: Tensor | None) -> None:
        self._maps, self._zoned = maps, call.step.zones
        self._params = [p.contiguous() for p in o.params]
        self._zones = [call.layout.gather(z) for z in o.zones]
        self._mask = None if mask is None else mask.contiguous()
        each = maps.channels if any(len(p) > 1 for p in self._params) else 0
        self._fixed = {"hidden": maps.channels, "places": maps.places, "each": each}
        self._fixed |= {f"P{i}": p.data_ptr() for i, p in enumerate(self._params)}

    def at(self, here: _Step) -> dict[str, int]:
        """Of one step."""
        values = {**self._fixed, "rows": here.rows * self._maps.places, "M": _address(self._mask)}
        for i, zone in zip(self._zoned, self._zones, strict=True):
            values[f"Z{i}"] = _address(zone, here.at)
        return values


def _address(tensor: Tensor | None, row: int = 0) -> int:
    """Of a row, 0 of no tensor."""
    if tensor is None:
        return 0
    return tensor.data_ptr() + row * tensor.stride(0) * tensor.element_size()
