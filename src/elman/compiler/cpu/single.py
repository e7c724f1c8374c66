"""One step at a time: weights packed once, and little else between the input and the kernel."""

import ctypes

import torch
from torch import Tensor

from elman.compiler.cpu import layout, runtime
from elman.compiler.operands import Operands
from elman.compiler.trace import Equations


class Single:
    """A recurrence's step for a batch of one size, as long as its weights stay the same."""

    def __init__(self, step: Equations, o: Operands) -> None:
        self.batch = len(o.x)
        self._kernel = runtime.kernel_of(step, o.x.dtype)
        self._size = len(o.ih) // step.gates
        self._ih = o.ih.detach().t()
        bias = runtime.bias_of(self._kernel.plan, o)
        self._bias = o.ih.new_zeros(len(o.ih)) if bias is None else bias.detach().clone()
        self._packed = None
        if o.hh is not None:
            self._packed = self._kernel.pack("forward", o.hh.detach(), self._size)
        hidden = self._size * len(step.recurrent)
        self._recurrent_bias = (
            o.ih.new_zeros(hidden) if o.bias_hh is None else o.bias_hh.detach().clone()
        )
        self._params = [p.detach().clone(memory_format=torch.contiguous_format) for p in o.params]
        self._layout = layout.dense(1, self.batch, False, 1)
        table = self._layout.table
        values = dict.fromkeys(self._kernel.arguments["infer"].names, 0)
        values |= {f"P{i}": p.data_ptr() for i, p in enumerate(self._params)}
        values |= {
            "hidden": self._size,
            "groups": 1,
            "stride": table.shape[1],
            "Table": table.ctypes.data,
            "Packed": 0 if self._packed is None else self._packed.data_ptr(),
            "Bias": self._recurrent_bias.data_ptr(),
            "keep0": 1,
            "span": 1,
        }
        names = list(values)
        self._block = (ctypes.c_int64 * len(names))(*values.values())
        self._x_at, self._feed_at = names.index("X"), names.index("Feed")
        self._state_at = [names.index(f"S{i}") for i in range(step.states)]

    def __call__(self, x: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The output, (B, H), and new states, (1, B, H), of x, (B, I), and old states (B, H)."""
        gates = torch.addmm(self._bias, x, self._ih)
        pair = gates.new_empty(2, self.batch, self._size)
        pair[0] = state[0]
        block = type(self._block).from_buffer_copy(self._block)
        block[self._x_at] = gates.data_ptr()
        block[self._feed_at] = block[self._state_at[0]] = pair.data_ptr()
        new = [pair[1:]]
        for index, old in zip(self._state_at[1:], state[1:], strict=True):
            own = old.unsqueeze(0).clone(memory_format=torch.contiguous_format)
            block[index] = own.data_ptr()
            new.append(own)
        self._kernel.run_one("infer", ctypes.addressof(block))
        return pair[1], new
