"""The weights of one direction of a layer as its kernels read them, kept from call to call."""

from functools import cached_property

import torch
from torch import Tensor

from elman.compiler.cpu import runtime
from elman.compiler.operands import Operands
from elman.compiler.trace import Equations


class Packed:
    """Weights as panels and biases as sums, for so many threads as share a row.

    `o` has all operands but an input of rows, and the weights themselves: `changed` says that
    their values are others now.
    """

    def __init__(self, step: Equations, o: Operands) -> None:
        self.step, self.operands, self.size = step, o, o.hidden(step)
        self.features = o.x.shape[-1]
        self.kernel = runtime.kernel_of(step, o.x.dtype)
        self.turn = 0  # how often the weights have changed
        self._panels: dict[tuple[str, int], Tensor] = {}
        self._current: set[tuple[str, int]] = set()
        self._summed = True

    def changed(self) -> None:
        """Pack everything anew when it is next asked for, to where it lies."""
        self.turn += 1
        self._current.clear()
        self._summed = False

    def addresses(self, use: str, parts: int) -> tuple[int, int]:
        """Of the panels of the recurrent and of the input's weights, the first 0 without any;
        `use` is "forward" or "backward"."""
        o = self.operands
        assert o.ih is not None
        of_state, of_input = ("forward", "input") if use == "forward" else ("hh", "ih")
        hh = 0 if o.hh is None else self._panel(of_state, o.hh, parts)
        return hh, self._panel(of_input, o.ih, parts)

    def _panel(self, kind: str, weight: Tensor, parts: int) -> int:
        key = kind, parts
        if key not in self._current:
            how = kind if kind in ("forward", "input") else "single"
            old = self._panels.get(key)
            with torch.inference_mode(False):
                new = self.kernel.pack(how, weight.detach(), self.size, parts, into=old)
            self._panels.setdefault(key, new)  # another thread's may have come first
            self._current.add(key)
        return self._panels[key].data_ptr()

    @property
    def bias(self) -> tuple[int, int]:
        """Addresses of the biases of the gate inputs and of the recurrent products."""
        if not self._summed:
            for kept, value in zip(self._biases, self._sums(), strict=True):
                kept.copy_(value)
            self._summed = True
        first, second = self._biases
        return first.data_ptr(), second.data_ptr()

    @cached_property
    def _biases(self) -> list[Tensor]:
        with torch.inference_mode(False):
            return [each.clone() for each in self._sums()]

    def _sums(self) -> list[Tensor]:
        o = self.operands
        zeros = torch.zeros(self.step.gates * self.size, dtype=o.x.dtype)
        given = (runtime.bias_of(self.kernel.plan, o), o.bias_hh)
        return [zeros if each is None else each.detach() for each in given]
