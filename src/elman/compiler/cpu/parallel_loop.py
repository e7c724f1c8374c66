"""Kernels that are one loop over items that need nothing of each other, shared by threads."""

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir
import torch

from elman.compiler.cpu import target, threads
from elman.compiler.cpu.emit import I64, POINTER, Arguments, Code, Shape
from elman.compiler.cpu.kernel import thread_numbers

_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@contextmanager
def parallel_loop(
    module: ir.Module, shape: Shape, name: str, arguments: Arguments, count: str
) -> Iterator[tuple[Code, Any]]:
    """Write `name (arguments, thread, threads)`, which does a thread's share of as many items as
    the argument `count` says, and `name_team (arguments)` that asks OpenMP for the thread; yields
    the code and an item's number."""
    kinds = (("arguments", POINTER), ("thread", I64), ("threads", I64))
    code = Code(module, shape, name, kinds, exported=True)
    arguments.bind(code, code["arguments"])
    parts = (code["thread"], code.add(code["thread"], 1))
    first, last = (code.share(code[count], part, code["threads"]) for part in parts)
    with code.loop(first, last) as item:
        yield code, item
    code.finish()
    if shape.team:
        team = Code(module, shape, f"{name}_team", (("arguments", POINTER),), exported=True)
        team.b.call(code.function, [team["arguments"], *thread_numbers(team)])
        team.finish()


class LoopKernels:
    """Such kernels of one module, compiled or fetched from the cache, for this processor.

    **Arguments:** `key` names the module among all; `write` gives its IR for a `Shape`.
    """

    def __init__(
        self,
        key: str,
        dtype: torch.dtype,
        entries: Sequence[str],
        arguments: Arguments,
        write: Callable[[Shape], str],
    ) -> None:
        machine = target.host()
        shape = machine.shape(double=dtype == torch.float64)
        teams = [f"{name}_team" for name in entries] if shape.team else []
        names = (*entries, *teams)
        self._address = target.load(machine, f"{key} {dtype}", lambda: write(shape), names)
        self._entry = {name: _ENTRY(self._address[name]) for name in entries}
        self._names = arguments.names

    def run(self, name: str, values: Mapping[str, int], count: int) -> None:
        """Run a kernel on a block of arguments, those not given 0, by so many threads."""
        block = (ctypes.c_int64 * len(self._names))(*[values.get(n, 0) for n in self._names])
        team = self._address.get(f"{name}_team")
        threads.run(self._entry[name], team, ctypes.addressof(block), count)
