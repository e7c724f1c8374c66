"""Inference on dense batches with weights packed once, and little else around the kernel."""

import ctypes
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from elman.compiler.cpu import layout, runtime, scratch
from elman.compiler.operands import Operands
from elman.compiler.recurrence import threads_for
from elman.compiler.trace import Equations


class Packed:
    """One direction of one layer, its weights packed for so many parts as share a row."""

    def __init__(self, step: Equations, o: Operands) -> None:
        self.step, self.operands, self.size = step, o, o.hidden(step)
        self.kernel = runtime.kernel_of(step, o.x.dtype)
        self._kept: dict[int, list[Tensor | None]] = {}

    def weights(self, parts: int) -> list[Tensor | None]:
        """Recurrent and input weights as panels."""
        if parts not in self._kept:
            o, pack = self.operands, self.kernel.pack
            hh = None if o.hh is None else pack("forward", o.hh.detach(), self.size, parts)
            assert o.ih is not None
            self._kept[parts] = [hh, pack("input", o.ih.detach(), self.size, parts)]
        return self._kept[parts]

    @cached_property
    def biases(self) -> list[Tensor]:
        """Of the gate inputs, and of the recurrent products."""
        o, plan = self.operands, self.kernel.plan
        bias, recurrent = runtime.bias_of(plan, o), o.bias_hh
        zeros = o.x.new_zeros(self.step.gates * self.size)
        return [(zeros if b is None else b.detach().clone()) for b in (bias, recurrent)]

    @cached_property
    def params(self) -> list[Tensor]:
        """The cell's own parameters."""
        kept = torch.contiguous_format
        return [p.detach().clone(memory_format=kept) for p in self.operands.params]


class Session:
    """A direction of a layer for dense batches of one shape."""

    def __init__(
        self, packed: Packed, steps: int, batch: int, threads: int, *, reverse: bool
    ) -> None:
        step, size = packed.step, packed.size
        kernel = self.kernel = packed.kernel
        self._split, groups, count = threads_for(step, size, steps, batch, threads)
        # One step is the same in both directions; its old state, not behind a row, comes first.
        place = layout.dense(steps, batch, reverse and steps > 1, groups)
        self._place, self._size = place, size
        self.threads = count if self._split else min(count, groups)
        hh, ih = packed.weights(count if self._split else 1)
        bias, recurrent = packed.biases
        span = runtime.span_of(place)
        self._gates = (batch * span, step.gates * size)
        values = dict.fromkeys(kernel.arguments["infer"].names, 0)
        values |= {f"P{i}": p.data_ptr() for i, p in enumerate(packed.params)}
        values |= {
            "hidden": size,
            "groups": groups,
            "split": int(self._split),
            "stride": place.table.shape[1],
            "Table": place.table.ctypes.data,
            "Source": place.source.data_ptr(),
            "Packed": 0 if hh is None else hh.data_ptr(),
            "PackedInput": 0 if ih is None else ih.data_ptr(),
            "InputBias": bias.data_ptr(),
            "Bias": recurrent.data_ptr(),
            "features": packed.operands.x.shape[-1],
            "span": span,
            "once": batch,
        }
        self._once = steps == 1 and not self._split  # the new state needs no row beside the old
        self._rows = [self._split or (i == 0 and not self._once) for i in range(step.states)]
        values |= {f"keep{i}": int(keep) for i, keep in enumerate(self._rows)}
        self._held = (packed, place, hh, ih)
        names = list(values)
        self._block = (ctypes.c_int64 * len(names))(*values.values())
        self._at = {name: names.index(name) for name in ("X", "Feed", "Input", "Barrier", "Out0")}
        self._states = [
            [names.index(f"{kind}{i}") for kind in ("S", "First", "Last")]
            for i in range(step.states)
        ]

    def __call__(
        self, x: Tensor, state: Sequence[int], shape: tuple[int, ...]
    ) -> runtime.Task[tuple[Tensor, list[Tensor]]]:
        """The output, of that shape if there is one step, else (T, B, H), and the last states,
        (1, B, H); of contiguous x, (T, B, I), and the addresses of the first states, (B, H)."""
        block, at, place = type(self._block).from_buffer_copy(self._block), self._at, self._place
        batch, size = place.batch, self._size
        gates = scratch.take(x, *self._gates)
        block[at["X"]], block[at["Input"]] = gates.data_ptr(), x.data_ptr()
        barrier = ctypes.c_int64(0)
        block[at["Barrier"]] = ctypes.addressof(barrier)
        sequences, last = [], []
        for first, keep, indices in zip(state, self._rows, self._states, strict=True):
            end = x.new_empty(1, batch, size)
            rows = x.new_empty(place.steps + 1, batch, size) if keep else end
            of_rows, of_first, of_last = indices
            block[of_rows], block[of_first] = rows.data_ptr(), first
            block[of_last] = end.data_ptr()
            sequences.append(rows)
            last.append(end)
        if self._once:
            output = x.new_empty(shape)
            block[at["Feed"]], block[at["Out0"]] = state[0], output.data_ptr()
        else:
            rows = sequences[0]
            block[at["Feed"]] = rows.data_ptr()
            output = rows[:-1] if place.reverse else rows[1:]
        yield (
            self.kernel,
            "infer",
            runtime.Block(ctypes.addressof(block), self.threads, (block, barrier)),
        )
        scratch.give(gates)
        return output, last
