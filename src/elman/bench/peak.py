"""The most float32 operations a second that this machine does: fused multiply-adds in registers.

As many independent chains of them as there are registers run side by side, which hides their
latency, on as many threads as torch uses; memory is not touched.
"""

import ctypes
import platform
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.ir as ir
import torch

from elman.compiler.cpu import target, threads
from elman.compiler.cpu.emit import I32, I64, POINTER, Code, Shape

ROUNDS = 1 << 16
_REPEATS = 8  # of all chains in a round
_OPERANDS = 4  # registers left for the factors, and for what LLVM may need
_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Peak:
    """A run of a known number of operations: `operations / seconds` is the machine's peak.

    >>> peak = Peak(rounds=4)
    >>> peak()
    >>> peak.operations > 0
    True
    """

    def __init__(self, rounds: int = ROUNDS) -> None:
        machine = target.host()
        shape = machine.shape(double=False)
        self.threads = torch.get_num_threads()
        each = rounds * _REPEATS * _chains(shape) * shape.lanes * 2
        self.operations = each * self.threads
        self._entry, self._team = _load(machine, shape)
        # The rounds, the two factors, and room for what a thread ends with.
        self._block = (ctypes.c_int64 * 3)(rounds)
        ctypes.c_float.from_buffer(self._block, 8).value = 0.5
        ctypes.c_float.from_buffer(self._block, 12).value = 1.0

    def __call__(self) -> None:
        """Do all the operations, on all threads."""
        threads.run(self._entry, self._team, ctypes.addressof(self._block), self.threads)


def _chains(shape: Shape) -> int:
    return shape.registers - _OPERANDS


@cache
def _load(machine: target.Target, shape: Shape) -> tuple[Any, int | None]:
    names = ("peak", "peak_team") if shape.team else ("peak",)
    code = _build(shape)
    address = target.load(machine, code, lambda: code, names)
    return _ENTRY(address["peak"]), address.get("peak_team")


def _build(shape: Shape) -> str:
    module = ir.Module("peak")
    kinds = (("arguments", POINTER), ("thread", I64), ("threads", I64))
    code = Code(module, shape, "peak", kinds, exported=True)
    block = code["arguments"]
    factor, term = (code.splat(code.load_scalar(block, place)) for place in (2, 3))
    places = [code.entry.alloca(code.vector) for _ in range(_chains(shape))]
    for number, place in enumerate(places):
        code.b.store(code.splat(float(number)), place)
    with code.loop(0, code.load_int(block, 0)):
        for _ in range(_REPEATS):
            for place in places:
                chain = code.b.load(place, typ=code.vector)
                code.b.store(code.fma(chain, factor, term), place)
    total = code.splat(0.0)
    for place in places:
        total = code.b.fadd(total, code.b.load(place, typ=code.vector))
    last = code.b.extract_element(total, ir.Constant(I32, 0))
    code.b.store(last, code.at(block, 4), align=shape.size)
    code.finish()
    if shape.team:
        team = Code(module, shape, "peak_team", (("arguments", POINTER),), exported=True)
        numbers = [
            team.b.sext(team.b.call(team.external(each, I32, []), []), I64)
            for each in ("omp_get_thread_num", "omp_get_num_threads")
        ]
        team.b.call(code.function, [team["arguments"], *numbers])
        team.finish()
    return str(module)


def describe() -> str:
    """Processor, threads and torch's version on one line."""
    count = torch.get_num_threads()
    threads = f"{count} thread{'s' if count > 1 else ''}"
    return f"{processor()} ({target.host().name}), {threads}, torch {torch.__version__}"


@cache
def processor() -> str:
    """The processor's name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next((name for name in names if name), platform.processor() or platform.machine())
