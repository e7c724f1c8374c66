"""The recurrence by kernels compiled from the cell's equations."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.compiler import Equations, UntraceableError, equations
from elman.compiler.cpu import torch_ops
from elman.compiler.operands import Operands
from elman.nn import projection
from elman.nn.lengths import mask_of
from elman.nn.precision import LOW, as_float, has_autocast, low_precision, rounded
from elman.nn.projection import Direction
from elman.nn.recording import alone, in_graph
from elman.nn.reference import Extras, State, Weights, product
from elman.nn.torch_kernels import inside_transform

_DTYPES = (torch.float32, torch.float64)
_KINDS = "float32, float64, bfloat16 or float16"


@cache
def lack() -> str | None:
    """What this machine lacks for compiled kernels, None if nothing."""
    return None if find_spec("llvmlite") else "llvmlite is not installed: pip install llvmlite"


def takes(numbers: Sequence[Tensor], others: Sequence[Tensor] = ()) -> bool:
    """Whether kernels for plain tensors take these here and now: on a CPU, outside of graphs and
    transforms, `numbers` of one kind, float32 or float64, and `others` of any."""
    if in_graph() or not alone():
        return False
    kind = numbers[0].dtype
    return (
        kind in _DTYPES
        and all(each.dtype == kind for each in numbers)
        and all(type(x) in (Tensor, nn.Parameter) and x.is_cpu for x in (*numbers, *others))
    )


def gpu_lack() -> str | None:
    """What this machine lacks for compiled kernels on a GPU, None if nothing."""
    if not torch.cuda.is_available():
        return "torch finds no CUDA GPU"
    if torch.version.cuda is None:
        return "kernels are for NVIDIA's GPUs"
    return None if find_spec("triton") else "triton is not installed: pip install triton"


@cache
def _known_gpu_lack() -> str | None:
    return gpu_lack()


def target_of(x: Tensor) -> str | None:
    """What kernels there are for where x lies: `cpu`, `gpu`, or none."""
    return "gpu" if x.is_cuda else "cpu" if x.is_cpu else None


def obstacle(cell: Cell, w: Weights, x: Tensor, s: State, extras: Extras) -> str | None:
    """Why no kernel computes this, None if one does."""
    in_graph = torch.compiler.is_compiling()
    low, target = low_precision(x), target_of(x)
    if target is None:
        return "kernels are for CPUs and CUDA GPUs"
    if (low or x.dtype) not in (*_DTYPES, *LOW):
        return f"kernels are for {_KINDS}, not for {x.dtype}"
    kinds = (torch.float32, low) if has_autocast(x) else (low or x.dtype,)
    for tensor in (x, *s, *w[:7], *w.params):
        if tensor is None:
            continue
        if not in_graph and type(tensor) not in (Tensor, nn.Parameter):
            return "a tensor is of a class of its own"
        if tensor.device != x.device:
            return f"tensors lie on {x.device} and on {tensor.device}"
        if tensor.dtype not in kinds:
            return f"kernels are for numbers of one kind, {_KINDS}"
    if w.hr is not None and (lacks := projection.obstacle(w, extras, in_graph=in_graph)):
        return lacks
    if x.numel() == 0:
        return "the input is empty"
    if target == "gpu" and (lacks := _known_gpu_lack()):
        return lacks
    if in_graph and target == "gpu":
        return "a GPU's kernels are not compiled within torch.compile"
    if in_graph:
        return "low precision is not compiled within torch.compile" if low else None
    if inside_transform():
        return "torch.func and forward-mode derivatives are not compiled"
    try:
        step = _equations(cell, w, extras)
    except UntraceableError as error:
        return str(error)
    if w.hr is not None and not projection.is_foldable(step):
        return "proj_size is compiled for cells that use x and r of a gate as their sum alone"
    if target == "gpu":
        from elman.compiler.gpu import recurrence

        return recurrence.obstacle(step, x, w.ih, w.bias_hh)
    return _failure(step, torch.float64 if x.dtype == torch.float64 else torch.float32)


@cache
def _failure(step: Equations, dtype: torch.dtype) -> str | None:
    """What went wrong when these equations were compiled, None if nothing did."""
    from elman.compiler.cpu.compiled import kernel_of

    try:
        kernel_of(step, dtype)
    except Exception as error:  # LLVM may fail on a machine in any way; the reference does not
        return f"the compiler failed: {type(error).__name__}: {error}"
    return None


def multiplies_pairs() -> bool:
    """Whether the processor gains by multiplying bfloat16 numbers in pairs, and does it rightly."""
    from elman.compiler.cpu.target import host, multiplies_pairs_rightly

    return host().gains_by_pairs and multiplies_pairs_rightly()


def run(
    cell: Cell,
    directions: Sequence[Direction],
    *,
    every_state: bool = False,
    half: bool = False,
) -> list[tuple[State, State]]:
    """Of each direction what `reference.run` gives, but 0 on padding, and of the states at every
    step only the first unless `every_state`.

    Of bfloat16 and float16, and under autocast, the weights and the input are taken as they are
    and all else, sums and states too, is float32; the results are rounded at the end.
    """
    x = directions[0].x
    low, target = low_precision(x), target_of(x)
    if low is not None:
        with torch.autocast(x.device.type, enabled=False):
            longer = [
                Direction(as_float(w, low), rounded(x, low), as_float(s), as_float(e), reverse)
                for w, x, s, e, reverse in directions
            ]
            half = target == "cpu" and low == torch.bfloat16 and multiplies_pairs()
            found = run(cell, longer, every_state=every_state, half=half)
        return [
            (tuple(each.to(low) for each in output), tuple(each.to(low) for each in last))
            for output, last in found
        ]
    from elman.compiler.cpu import recurrence

    step = _equations(cell, directions[0].w, directions[0].extras)
    given = [
        recurrence.Direction(_operands(w, x, s, e, reverse=reverse), e.lengths, e.resets, reverse)
        for w, x, s, e, reverse in directions
    ]
    if target == "gpu":
        from elman.compiler.gpu import recurrence as on_gpu

        results = on_gpu.run(step, given, every_state=every_state)
    else:
        results = recurrence.run(step, given, every_state=every_state, half=half)
    parts = [_halves(each, len(cell.state)) for each in results]
    if directions[0].w.hr is None:
        return parts
    pairs = zip(parts, directions, strict=True)
    return [projection.projected(found, each) for found, each in pairs]


def run_in_graph(text: str, direction: Direction, *, every_state: bool) -> tuple[State, State]:
    """As `run`, by an operator that torch.compile keeps whole; `text` from `texts_of`."""
    w, x, s, extras, reverse = direction
    found = torch_ops.run(
        _operands(w, x, s, extras, reverse=reverse).flat(),
        text,
        len(s),
        lengths=extras.lengths,
        resets=extras.resets,
        reverse=reverse,
        every_state=every_state,
    )
    return _halves(found, len(s))


def _halves(found: list[Tensor], states: int) -> tuple[State, State]:
    return tuple(found[:-states]), tuple(found[-states:])


def _operands(w: Weights, x: Tensor, s: State, extras: Extras, *, reverse: bool) -> Operands:
    if w.hr is not None:
        return projection.operands(w, x, s, extras, reverse=reverse)
    ih: Tensor | None = w.ih
    bias = w.bias_ih
    if w.norm_ih is not None:  # of all steps at once, before the recurrence
        if extras.lengths is not None:
            x = x.masked_fill(~mask_of(extras.lengths, x.shape[0]).unsqueeze(-1), 0)
        x, ih, bias = product(x, w.ih, w.bias_ih, w.norm_ih), None, None
    zones = tuple(z for z in extras.zoneout or () if isinstance(z, Tensor))
    initial = extras.initial or ()
    rest = (bias, w.bias_hh, extras.h_mask, w.norm_hh, w.params, s, initial, zones)
    return Operands(x, ih, w.hh, *rest)


def texts_of(
    cell: Cell, zoneout: tuple[float, ...], *, masked: bool, normed: bool
) -> dict[bool, str | None]:
    """The equations as text, with and without training, None if they cannot be traced."""
    asked = any(zoneout)
    masks = tuple("mask" if rate else None for rate in zoneout) if asked else ()
    rates = tuple(rate or None for rate in zoneout) if asked else ()
    masked = masked and bool(cell.recurrent)
    try:
        return {
            True: str(equations(cell, masks, masked=masked, normed=normed)),
            False: str(equations(cell, rates, normed=normed)),
        }
    except UntraceableError:
        return {True: None, False: None}


def _equations(cell: Cell, w: Weights, extras: Extras) -> Equations:
    zones = tuple("mask" if isinstance(z, Tensor) else z for z in extras.zoneout or ())
    return equations(cell, zones, masked=extras.h_mask is not None, normed=w.norm_hh is not None)
