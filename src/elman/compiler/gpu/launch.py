"""A kernel's launches: as many programs at a time as can wait for each other."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor

from elman.compiler.gpu import tiles
from elman.compiler.gpu.call import Call
from elman.compiler.gpu.kernel import Kernel, kernel_of
from elman.compiler.gpu.tiles import Machine, Tiles
from elman.compiler.gpu.variant import Variant
from elman.compiler.trace import Equations


def precision(dtype: torch.dtype) -> str:
    """How the products are computed, as Triton calls it: float32's by three products of tf32
    unless torch is told that one will do."""
    if dtype == torch.float64:
        return "ieee"
    return "tf32x3" if torch.get_float32_matmul_precision() == "highest" else "tf32"


def cuts(
    step: Equations, batch: int, size: int, device: torch.device, how: str
) -> tuple[Tiles, Tiles]:
    """Tiles of the forward and the backward pass, for products of that precision."""
    products, machine = len(step.recurrent), _machine(device)
    if how == "tf32":
        machine = machine._replace(copies=1)
    forward = tiles.choose(batch, size, products, machine, back=False)
    return forward, tiles.choose(batch, size, products, machine, back=True)


def run(
    name: str,
    call: Call,
    tensors: Mapping[str, Tensor | None],
    *,
    saving: bool,
    kept: int,
    outs: tuple[int, ...],
    flows: tuple[int, ...] = (),
    added: bool = False,
) -> None:
    """The `forward` or `backward` kernel on the tensors that it names; see `Variant`."""
    step, first = call.step, tensors["C0" if name == "forward" else "D0"]
    assert first is not None
    cut, size = call.cuts[name == "backward"], first.shape[1]
    lone = cut.of_units(size) == 1
    variant = Variant(
        step,
        first.dtype == torch.float64,
        saving,
        kept,
        outs,
        call.lengths is not None,
        call.resets is not None,
        added,
        flows,
        lone,
        cut.parts,
        cut.resident,
        cut.stages if lone or not step.recurrent else 1,
        not first.is_cuda,
        call.precision,
    )
    _launch(kernel_of(name, variant), cut, dict(tensors), first, reverse=call.reverse)


def _launch(
    kernel: Kernel,
    cut: Tiles,
    tensors: dict[str, Tensor | None],
    state: Tensor,
    *,
    reverse: bool,
) -> None:
    v, x, (batch, size) = kernel.variant, tensors["X"], state.shape
    assert x is not None
    steps, of_units, of_rows = len(x), cut.of_units(size), cut.of_rows(batch)
    options: dict[str, Any] = {"num_warps": cut.warps, "num_stages": cut.stages}
    together = of_rows
    if v.meets:  # all programs of a launch must be at work at once
        together = max(1, _machine(x.device).programs // of_units)
        tensors["Count"] = torch.zeros(of_rows, dtype=torch.int32, device=x.device)
        options["launch_cooperative_grid"] = True
    given = [tensors[each] for each in kernel.pointers]
    span = steps if v.lone or v.meets or not v.products else 1
    origin, direction = (steps - 1, -1) if reverse else (0, 1)
    # Triton launches on the current device.
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():
        for tile, first in product(range(0, of_rows, together), range(0, steps, span)):
            grid = (of_units, min(together, of_rows - tile))
            kernel.function[grid](
                *given,
                steps,
                batch,
                origin,
                tile,
                first,
                min(first + span, steps),
                direction=direction,
                H=size,
                BB=cut.rows,
                BN=cut.units,
                BK=cut.depth,
                **options,
            )


@cache
def _machine(device: torch.device) -> Machine:
    """What there is room for, with one program a multiprocessor."""
    if device.type != "cuda":
        return Machine(64, 1 << 17, 2)
    found: Any = torch.cuda.get_device_properties(device)
    return Machine(found.multi_processor_count, found.shared_memory_per_block_optin, 2)
