"""A direction of a layer on batches of one layout: its arguments prepared, and little else around
the kernels."""

import ctypes
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from elman.compiler.cpu import layout, runtime, scratch
from elman.compiler.cpu.compiled import Block
from elman.compiler.cpu.recurrence import threads_for
from elman.compiler.cpu.runtime import Tape, Task
from elman.compiler.cpu.weights import MATMUL, PACKED, PANELS, Modes, Weights, modes_of
from elman.compiler.operands import FIXED, Call


class Session:
    """Runs of one shape, (T, B), with lengths (B,), from 1 on, or without.

    It does what `runtime.forward` and `runtime.backward` do where nothing is masked, reset,
    normalised or zoned out; single steps of a `Stepper` may be of a normalised layer. Every call
    reads the weights as they are then.
    """

    def __init__(
        self,
        weights: Weights,
        steps: int,
        batch: int,
        threads: int,
        *,
        reverse: bool,
        lengths: Tensor | None = None,
    ) -> None:
        step, size = weights.step, weights.size
        split, groups, count = threads_for(step, size, steps, batch, threads)
        # One step is the same in both directions; its old state, not behind a row, comes first.
        place = (
            layout.dense(steps, batch, reverse and steps > 1, groups)
            if lengths is None
            else layout.ragged(lengths, None, (steps, batch), reverse, groups)
        )
        self.call = Call(step, place, False, split, count)
        self.weights, self.kernel, self._plan = weights, weights.kernel, weights.kernel.plan
        self._place, self._size, self._batch = place, size, batch
        self.threads = count if split else min(count, len(place.table))
        self._span = runtime.span_of(place)
        # The new state needs no row beside the old one.
        self._once = steps == 1 and not split and place.packing is None
        self._modes = {
            kind: modes_of(weights, steps, batch, training=kind != "infer")
            for kind in ("infer", "train", "backward")
        }

    @cached_property
    def zeros(self) -> Tensor:
        """A state that nobody writes to, (B, H)."""
        with torch.inference_mode(False):
            like = self.weights.operands.x
            return torch.zeros(self._batch, self._size, dtype=like.dtype)

    @cached_property
    def _end(self) -> Tensor:
        """As the states of `infer` after all steps are, (1, segments, H)."""
        with torch.inference_mode(False):
            return self.weights.operands.x.new_empty(1, self._place.segments, self._size)

    @cached_property
    def _rows(self) -> Tensor:
        """As a state's sequence is, (rows and segments, H), without memory."""
        return self._end.new_empty(1).expand(self._place.rows + self._place.segments, self._size)

    @cached_property
    def _order(self) -> Tensor | None:
        """Of each sequence its segment, (B,); None if they are the same."""
        packing = self._place.packing
        if packing is None:
            return None
        with torch.inference_mode(False):
            return torch.argsort(packing.sequence)

    @cached_property
    def arguments(self) -> "_Arguments":
        """Those of `infer`."""
        keeps = [self.call.split or (i == 0 and not self._once) for i in range(self._states)]
        whole = self._modes["infer"].input == MATMUL
        return self._prepared("infer", {"once": 0 if whole else self._place.segments}, keeps)

    @cached_property
    def _train(self) -> "_Arguments":
        return self._prepared("train", {"once": 0}, [True] * self._states)

    @cached_property
    def _backward(self) -> "_Arguments":
        return self._prepared("backward", {}, [])

    @property
    def gates(self) -> int:
        """How many numbers a row of gate inputs has."""
        return self.weights.step.gates * self._size

    @property
    def _states(self) -> int:
        return self.weights.step.states

    def _prepared(self, kind: str, own: dict[str, int], keeps: list[bool]) -> "_Arguments":
        weights, place = self.weights, self._place
        modes = self._modes[kind]
        values = {
            "hidden": self._size,
            "groups": len(place.table),
            "split": int(self.call.split),
            "direct": modes.recurrent,
            "direct_input": modes.input,
            "room": weights.room(),
            "stride": place.table.shape[1],
            "Table": place.table.ctypes.data,
            "Source": place.source.data_ptr(),
            "features": 0 if modes.input == MATMUL else weights.features,
            "span": self._span,
            "merged": int(runtime.merges(place)),
            **own,
            **{f"keep{i}": int(keep) for i, keep in enumerate(keeps)},
            **{f"P{i}": p.data_ptr() for i, p in enumerate(weights.operands.params)},
        }
        if kind != "backward":
            values |= self._biases()
        hh, ih = weights.addresses()
        values |= {"Packed": hh, "PackedInput": ih}
        return _Arguments(self.kernel.arguments[kind].names, values, keeps, modes)

    def _biases(self) -> dict[str, int]:
        o, step = self.weights.operands, self.weights.step
        nothing = runtime.zeros(o.x.dtype, max(step.gates, len(step.recurrent)) * self._size)
        recurrent = nothing if o.bias_hh is None else o.bias_hh
        given = nothing if o.bias_ih is None else o.bias_ih
        found = {
            "InputBias": given.data_ptr(),
            "FoldedBias": (recurrent if self._plan.folded else nothing).data_ptr(),
            "Bias": recurrent.data_ptr(),
        }
        gain = self.weights.input_gain
        if gain is None or o.norm is None:
            return found
        of_norm = {"InputBias": nothing, "InputShift": given, "InputGain": gain, "Gain": o.norm}
        return found | {name: each.data_ptr() for name, each in of_norm.items()}

    def infer(
        self, x: Tensor, first: Sequence[Tensor | None], shape: tuple[int, ...]
    ) -> Task[tuple[Tensor, list[Tensor]]]:
        """The output, of that shape if there is one step, else (T, B, H), and the last states,
        (1, B, H); of contiguous x, (T, B, I), and the first states, (B, H), None for 0."""
        place, arguments = self._place, self.arguments
        own, at = arguments.copy(), arguments.at
        o, whole, held = self.weights.operands, arguments.modes.input == MATMUL, []
        gathered = None
        if place.packing is not None:
            gathered = scratch.take(x, place.rows, self.weights.features)
            own[at["Rows"]] = gathered.data_ptr()
        room = place.rows if whole else place.segments * self._span
        gates = scratch.take(x, room, self.gates)
        own[at["X"]], own[at["Input"]] = gates.data_ptr(), x.data_ptr()
        if whole:
            self._multiply(x, (o.ih, o.bias_ih, o.bias_hh), gates, gathered)
        panels = self._panels("infer", own, at, o.hh, o.ih)
        sequences, last = [], []
        for i, keep in enumerate(arguments.keeps):
            begin = self._first(first[i])
            end = torch.empty_like(self._end)
            rows = torch.empty_like(self._rows) if keep else end
            own[at[f"S{i}"]], own[at[f"First{i}"]] = rows.data_ptr(), begin.data_ptr()
            own[at[f"Last{i}"]] = end.data_ptr()
            held.append(begin)
            sequences.append(rows)
            last.append(end)
        if self._once:
            output = x.new_empty(shape)
            own[at["Feed"]], own[at["Out0"]] = held[0].data_ptr(), output.data_ptr()
        else:
            own[at["Feed"]] = sequences[0].data_ptr()
            output = self._output(own, at, x, sequences[0])
        yield self.kernel, "infer", Block(ctypes.addressof(own), self.threads, own)
        del held
        scratch.give(gates, gathered, *panels)
        order = self._order
        return output, last if order is None else [each.index_select(1, order) for each in last]

    def forward(self, flat: Sequence[Tensor | None]) -> Task[tuple[list[Tensor], Tape]]:
        """The output, (T, B, H), the last states, (B, H), and the tape; of the operands in one
        list."""
        place, size, arguments = self._place, self._size, self._train
        own, at, plan = arguments.copy(), arguments.at, self._plan
        x = flat[0]
        assert x is not None
        x = x.contiguous()
        gates = scratch.take(x, place.rows, self.gates)
        own[at["X"]], own[at["Input"]] = gates.data_ptr(), x.data_ptr()
        saves = None
        if plan.extra_saves:
            saves = scratch.take(x, place.rows, plan.extra_saves * size)
            own[at["Saves"]] = saves.data_ptr()
        rows_in, gathered = x, None
        if place.packing is not None:
            rows_in = gathered = x.new_empty(place.rows, self.weights.features)
            own[at["Rows"]] = rows_in.data_ptr()
        if arguments.modes.input == MATMUL:
            self._multiply(x, (flat[1], flat[3], flat[4]), gates, gathered)
        panels = self._panels("train", own, at, flat[2], flat[1])
        sequences, last, held = [], [], []
        for i, state in enumerate(self._states_of(flat)):
            begin = self._first(state)
            end = x.new_empty(place.segments, size)
            rows = x.new_empty(place.rows + place.segments, size)
            own[at[f"S{i}"]], own[at[f"First{i}"]] = rows.data_ptr(), begin.data_ptr()
            own[at[f"Last{i}"]] = end.data_ptr()
            held.append(begin)
            sequences.append(rows)
            last.append(end)
        own[at["Feed"]] = sequences[0].data_ptr()
        output = self._output(own, at, x, sequences[0])
        yield self.kernel, "train", Block(ctypes.addressof(own), self.threads, own)
        del held
        scratch.give(*panels)
        order = self._order
        ends = last if order is None else [each.index_select(0, order) for each in last]
        rows_in = rows_in.view(place.rows, -1)
        return [output, *ends], Tape(sequences, None, gates, saves, rows_in)

    def backward(
        self,
        flat: Sequence[Tensor | None],
        tape: Tape,
        gradients: Sequence[Tensor | None],
        *,
        wanted: Sequence[bool],
    ) -> Task[list[Tensor | None]]:
        """Gradients of the operands where they are wanted, from those of the results; gives the
        tape up."""
        place, size, arguments = self._place, self._size, self._backward
        own, at, plan = arguments.copy(), arguments.at, self._plan
        x, hh = flat[0], flat[2]
        assert x is not None
        assert tape.gates is not None
        assert tape.x is not None
        dx = dr = tape.gates
        if hh is not None and not plan.shared:
            dr = scratch.take(x, place.rows, len(hh))
        own[at["X"]] = own[at["Dx"]] = dx.data_ptr()
        own[at["Dr"]] = dr.data_ptr()
        panels = self._panels("backward", own, at, hh, flat[1] if wanted[0] else None)
        if tape.saves is not None:
            own[at["Saves"]] = tape.saves.data_ptr()
        d_input = d_params = None
        whole = arguments.modes.input == MATMUL
        if wanted[0] and not whole:
            d_input = torch.empty_like(x, memory_format=torch.contiguous_format)
            if place.packing is not None:
                d_input.zero_()
            own[at["Dinput"]] = d_input.data_ptr()
        else:
            own[at["features"]] = 0
        if plan.step.params:
            d_params = x.new_zeros(len(place.table), plan.step.params, size)
            own[at["Dp"]] = d_params.data_ptr()
        flow, *of_ends = gradients
        flow = None if flow is None else flow.contiguous()
        running = [self._running(x, end) for end in of_ends]
        for i, d in enumerate(running):
            own[at[f"S{i}"]], own[at[f"D{i}"]] = tape.sequences[i].data_ptr(), d.data_ptr()
            asked = flow if i == 0 else None
            own[at[f"O{i}"]] = (self.zeros if asked is None else asked).data_ptr()
            own[at[f"row{i}"]] = 0 if asked is None else size
        yield self.kernel, "backward", Block(ctypes.addressof(own), self.threads, own)
        del flow
        scratch.give(*panels)
        found: list[Tensor | None] = [None] * len(flat)
        if wanted[0] and whole and flat[1] is not None:
            d_input = place.scatter(dx @ flat[1])
        found[0] = d_input
        found[1:5] = self._of_weights(tape, dx, dr, wanted)
        states = FIXED + plan.step.params
        if d_params is not None:
            found[FIXED:states] = d_params.sum(0).unbind(0)
        if any(wanted[states:]):
            if hh is not None:
                running[0].addmm_(place.beginning(dr), hh)
            order = self._order
            found[states:] = running if order is None else [r[order] for r in running]
        scratch.give(dr if dr is not dx else None, dx, tape.saves)
        tape.gates = tape.saves = tape.x = None
        return found

    def _of_weights(
        self, tape: Tape, dx: Tensor, dr: Tensor, wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Of ih, hh, bias_ih and bias_hh, where they are wanted."""
        assert tape.x is not None
        ih = hh = bias_ih = bias_hh = None
        if wanted[1]:
            ih = dx.t() @ tape.x
        if wanted[2]:
            hh = dr.t() @ self._place.before(tape.sequences[0])
        if wanted[3]:
            bias_ih = dx.sum(0)
        if wanted[4]:
            bias_hh = bias_ih if dr is dx and bias_ih is not None else dr.sum(0)
        return [ih, hh, bias_ih, bias_hh]

    def _multiply(
        self,
        x: Tensor,
        weights: tuple[Tensor | None, Tensor | None, Tensor | None],
        gates: Tensor,
        gathered: Tensor | None,
    ) -> None:
        """All gate inputs by torch: the rows of x, (T, B, I), times the input's weights, plus the
        biases; `gathered` is where padded rows are brought together."""
        ih, bias, recurrent = weights
        assert ih is not None
        rows = x.view(-1, x.shape[-1])
        if gathered is not None:
            rows = torch.index_select(rows, 0, self._place.source, out=gathered)
        if self._plan.folded and recurrent is not None:
            bias = recurrent if bias is None else bias + recurrent
        if bias is None:
            torch.mm(rows, ih.t(), out=gates)
        else:
            torch.addmm(bias, rows, ih.t(), out=gates)

    def _panels(
        self, kind: str, own: Any, at: dict[str, int], hh: Tensor | None, ih: Tensor | None
    ) -> list[Tensor]:
        """Have the kernel find the recurrent and the input's weights as they are now: where they
        are stored, or in the panels that are returned, which are to be given to `scratch`."""
        modes, held = self._modes[kind], []
        names = ("single", "single") if kind == "backward" else ("forward", "input")
        for name, place, weight, mode in zip(
            names, ("Packed", "PackedInput"), (hh, ih), modes, strict=True
        ):
            if weight is None or mode == MATMUL:
                continue
            found = weight
            if mode == PACKED:
                found = self.kernel.pack(name, weight, self._size, self._parts)
                held.append(found)
            own[at[place]] = found.data_ptr()
        if PANELS in modes:
            like = self.weights.operands.x
            held.append(scratch.take(like, self.panel_count, self.weights.room()))
            own[at["Panel"]] = held[-1].data_ptr()
        return held

    @property
    def panel_count(self) -> int:
        """Threads, or groups of rows, that make panels of their own."""
        return max(len(self._place.table), self._parts)

    @property
    def _parts(self) -> int:
        return self.threads if self.call.split else 1

    def _states_of(self, flat: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        return flat[FIXED + self.weights.step.params :]

    def _first(self, state: Tensor | None) -> Tensor:
        """A state before the first step as the kernel finds it, one row a segment."""
        if state is None or state is self.zeros:
            return self.zeros
        packing = self._place.packing
        return state.contiguous() if packing is None else state.index_select(0, packing.sequence)

    def _output(self, own: Any, at: dict[str, int], x: Tensor, rows: Tensor) -> Tensor:
        """Where the output, (T, B, H), is written: among the rows of h, or scattered from them."""
        place = self._place
        if place.packing is None:  # a tensor of its own, that may be modified in place
            steps, batch, size = place.steps, place.batch, self._size
            start, sizes = place.after.start * size, (batch * size, size, 1)
            memory = rows.untyped_storage()
            return x.new_empty(0).set_(memory, start, (steps, batch, size), sizes)
        output = x.new_zeros(*place.shape, self._size)
        own[at["Out0"]] = output.data_ptr()
        return output

    def _running(self, x: Tensor, end: Tensor | None) -> Tensor:
        """The gradient of a state after each segment's last step, to be written to."""
        packing = self._place.packing
        if end is None:
            return x.new_zeros(self._place.segments, self._size)
        if packing is None:
            return end.clone(memory_format=torch.contiguous_format)
        return end.index_select(0, packing.sequence)


class _Arguments:
    """A kernel's block of arguments, to be copied for a call and completed; with room for what
    threads meet at."""

    def __init__(
        self, names: Sequence[str], values: dict[str, int], keeps: list[bool], modes: Modes
    ) -> None:
        self.values = [values.get(name, 0) for name in names]
        self._block = (ctypes.c_int64 * (len(names) + 1))(*self.values, 0)
        self._barrier = names.index("Barrier"), 8 * len(names)
        self.at = {name: index for index, name in enumerate(names)}
        self.keeps, self.modes = keeps, modes

    def copy(self) -> Any:
        """The block of one call."""
        own = type(self._block).from_buffer_copy(self._block)
        index, offset = self._barrier
        own[index] = ctypes.addressof(own) + offset
        return own
