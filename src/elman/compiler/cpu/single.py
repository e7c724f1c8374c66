"""One step at a time: weights packed once, and little else between the input and the kernel."""

import ctypes

import torch
from torch import Tensor

from elman.compiler.cpu import layout, runtime
from elman.compiler.operands import Operands
from elman.compiler.trace import Equations


def stamp(o: Operands) -> tuple[int, ...]:
    """What changes when a weight does: addresses and versions."""
    stamps: list[int] = []
    for weight in (o.ih, o.hh, o.bias_ih, o.bias_hh, *o.params):
        if weight is not None:
            stamps += weight.data_ptr(), weight._version
    return tuple(stamps)


class Single:
    """A recurrence's step for a batch of one size, as long as its weights stay the same."""

    def __init__(self, step: Equations, o: Operands) -> None:
        self.stamp = stamp(o)
        self.batch = len(o.x)
        self._kernel = runtime.kernel_of(step, o.x.dtype)
        self._size = len(o.ih) // step.gates
        # Held, so that no other weight comes to lie at an address of the stamp.
        self._held = (o.ih, o.hh, o.bias_ih, o.bias_hh, o.params)
        self._ih = o.ih.detach().t()
        bias = runtime.bias_of(self._kernel.plan, o)
        self._bias = o.ih.new_zeros(len(o.ih)) if bias is None else bias.detach().clone()
        self._packed = None
        if o.hh is not None:
            self._packed = self._kernel.pack(o.hh.detach(), backward=False)
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
        }
        names = list(values)
        self._block = (ctypes.c_int64 * len(names))(*values.values())
        self._at = {name: index for index, name in enumerate(names)}
        self._state_at = [self._at[f"S{i}"] for i in range(step.states)]

    def __call__(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """New states of x, (B, I), and the old ones, (B, H) each."""
        gates = torch.addmm(self._bias, x, self._ih)
        output = gates.new_empty(2, self.batch, self._size)
        output[0] = state[0]
        rest = [s.clone(memory_format=torch.contiguous_format) for s in state[1:]]
        block = type(self._block).from_buffer_copy(self._block)
        block[self._at["X"]] = gates.data_ptr()
        block[self._at["Feed"]] = output.data_ptr()
        for index, tensor in zip(self._state_at, (output, *rest), strict=True):
            block[index] = tensor.data_ptr()
        self._kernel.run_one("infer", ctypes.addressof(block))
        return (output[1], *rest)
