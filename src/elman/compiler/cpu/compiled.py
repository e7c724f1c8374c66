"""The compiled functions of a recurrence, and the blocks of arguments that they are called with."""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from elman.compiler.cpu import arguments, kernel, scratch, target, threads
from elman.compiler.operands import Call
from elman.compiler.schedule import Plan, plan
from elman.compiler.trace import Equations

_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
_PACK = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 3)


class Block(NamedTuple):
    """A kernel's arguments in memory, and how many threads it is for."""

    address: int
    threads: int
    held: object  # what owns the memory

    @classmethod
    def of(cls, names: Sequence[str], call: Call, values: dict[str, int]) -> "Block":
        """The block of a call, of the arguments of those names."""
        table, barrier = call.layout.table, ctypes.c_int64(0)
        values |= {
            "groups": len(table),
            "split": int(call.split),
            "stride": table.shape[1],
            "Table": table.ctypes.data,
            "Barrier": ctypes.addressof(barrier),
        }
        memory = (ctypes.c_int64 * len(names))(*[values[each] for each in names])
        count = call.threads if call.split else min(call.threads, len(table))
        return cls(ctypes.addressof(memory), count, (memory, barrier))


class Kernel:
    """The compiled functions of some equations for one dtype."""

    def __init__(
        self, step: Equations, dtype: torch.dtype, machine: target.Target, *, half: bool = False
    ) -> None:
        assert dtype in (torch.float32, torch.float64)
        self.plan: Plan = plan(step)
        self.shape = shape = machine.shape(double=dtype == torch.float64, half=half)
        self.lanes = shape.lanes
        self.arguments = {
            "train": arguments.forward_arguments(self.plan),
            "infer": arguments.forward_arguments(self.plan),
            "backward": arguments.backward_arguments(self.plan),
        }
        kinds = ("team", "pair") if shape.team else ()
        teams = [f"{name}_{kind}" for name in self.arguments for kind in kinds]
        packs = ["pack_input", "pack_single", *(["pack_forward"] if step.recurrent else [])]
        self.address = target.load(
            machine,
            f"{dtype} {half}\n{step}",
            lambda: kernel.build(self.plan, shape),
            (*self.arguments, *teams, *packs),
        )
        self.entry = {name: _ENTRY(self.address[name]) for name in self.arguments}
        self._pack = {name: _PACK(self.address[name]) for name in packs}

    def run(self, name: str, *blocks: Block) -> None:
        """Run one of the kernels: alone, or on two blocks of arguments side by side."""
        one, address = self.entry[name], self.address
        if len(blocks) == 1:
            threads.run(one, address.get(f"{name}_team"), blocks[0].address, blocks[0].threads)
            return
        both = (blocks[0].address, blocks[1].address)
        pair = (ctypes.c_int64 * 2)(*both)
        team, count = address.get(f"{name}_pair"), blocks[0].threads
        threads.run_pair(one, team, ctypes.addressof(pair), both, count)

    def pack(self, kind: str, weight: Tensor, hidden: int, parts: int = 1) -> Tensor:
        """A weight as panels that so many threads share: `forward` (Q*H, H) and `input` (G*H, I)
        for the product with the state and the input, `single` either one for that with its
        gradients. In memory that `scratch` may be given afterwards."""
        weight = weight.contiguous()
        columns, depth = weight.shape
        if kind == "single":
            columns, depth, hidden = depth, columns, depth
        padded = -(-hidden // self.lanes) * self.lanes
        deep = -(-depth // 2) * 2  # bfloat16 comes in pairs
        packed = scratch.take(weight, deep * (columns // hidden), padded)
        self._pack[f"pack_{kind}"](weight.data_ptr(), packed.data_ptr(), depth, hidden, parts)
        return packed


@cache
def kernel_of(step: Equations, dtype: torch.dtype, half: bool = False) -> Kernel:
    """The kernel for this processor, compiled at the first call; with `half`, its products are of
    bfloat16 numbers."""
    return Kernel(step, dtype, target.host(), half=half)
