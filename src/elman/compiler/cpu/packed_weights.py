"""The weights of one direction of a layer as its kernels read them, kept from call to call."""

import ctypes
import os
from typing import Any

import torch
from torch import Tensor

from elman.compiler.cpu import runtime
from elman.compiler.locks import ForkLock
from elman.compiler.operands import Operands
from elman.compiler.trace import Equations

_compare: Any = ctypes.CDLL("msvcrt" if os.name == "nt" else None).memcmp
_compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


class Packed:
    """The input's and the recurrent weights as panels, for so many threads as share a row.

    `o` has all operands but an input of rows, and the weights themselves. The panels are made
    from a copy of the weights, and that copy is compared with them: whatever changes a weight,
    and whichever thread reads it meanwhile, the next `refresh` sees it.
    """

    def __init__(self, step: Equations, o: Operands) -> None:
        assert o.ih is not None
        self.step, self.operands, self.size = step, o, o.hidden(step)
        self.features = o.x.shape[-1]
        self.kernel = runtime.kernel_of(step, o.x.dtype)
        self.turn = 0  # how often the weights have changed
        self.stored = {
            "ih": o.ih.detach(),
            **({} if o.hh is None else {"hh": o.hh.detach()}),
        }
        self._copies: dict[str, Tensor] = {}
        self._panels: dict[tuple[str, int], Tensor] = {}
        self._current: set[tuple[str, int]] = set()
        self._lock = ForkLock()

    def refresh(self) -> None:
        """Have everything packed anew when it is next asked for, to where it lies, if the weights
        are not what they were."""
        with self._lock:
            if self._copies and not any(
                _compare(weight.data_ptr(), self._copies[name].data_ptr(), weight.nbytes)
                for name, weight in self.stored.items()
            ):
                return
            with torch.inference_mode(False), torch.no_grad():
                for name, weight in self.stored.items():
                    if name in self._copies:
                        self._copies[name].copy_(weight)
                    else:
                        self._copies[name] = weight.clone()
            self.turn += 1
            self._current.clear()

    def addresses(self, use: str, parts: int) -> tuple[int, int]:
        """Of the panels of the recurrent and of the input's weights, the first 0 without any;
        `use` is "forward" or "backward"."""
        forward = use == "forward"
        with self._lock:
            hh = 0
            if "hh" in self._copies:
                hh = self._panel("forward" if forward else "single", "hh", parts)
            return hh, self._panel("input" if forward else "single", "ih", parts)

    def stored_addresses(self) -> tuple[int, int]:
        """The same of the weights as they are stored."""
        hh = self.stored.get("hh")
        return 0 if hh is None else hh.data_ptr(), self.stored["ih"].data_ptr()

    def _panel(self, kind: str, name: str, parts: int) -> int:
        key = f"{name} {kind}", parts
        if key not in self._current:
            with torch.inference_mode(False):
                self._panels[key] = self.kernel.pack(
                    kind, self._copies[name], self.size, parts, into=self._panels.get(key)
                )
            self._current.add(key)
        return self._panels[key].data_ptr()
