"""What the layers call: a recurrence on a GPU's tensors."""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from elman.compiler.cpu.recurrence import Direction
from elman.compiler.gpu import autograd, launch, runtime
from elman.compiler.gpu.call import Call
from elman.compiler.gpu.tiles import Tiles
from elman.compiler.operands import Operands
from elman.compiler.schedule import plan
from elman.compiler.trace import Equations

_MOST = 1 << 31  # numbers of one step: places within it are int32


def obstacle(step: Equations, x: Tensor, ih: Tensor, bias_hh: Tensor | None) -> str | None:
    """Why no kernel computes this, None if one does. The first time, they are tried."""
    if step.normed:
        return "layer_norm is not compiled for a GPU"
    if x.is_cuda and x.dtype == torch.float64:
        return "a GPU's kernels are for float32, bfloat16 and float16, not for float64"
    batch, size = x.shape[1], len(ih) // step.gates
    if batch * max(len(ih), size * max(plan(step).extra_saves, 1)) >= _MOST:
        return "the batch is too large for the kernels"
    if x.is_cuda and _is_old(x.device):
        return "kernels are for GPUs of compute capability 8.0 and higher"
    if x.is_cuda and torch.cuda.is_current_stream_capturing():  # nothing can be tried here
        return None
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    how = launch.precision(dtype)
    cuts = launch.cuts(step, batch, size, x.device, how)
    added, back = bias_hh is not None, torch.is_grad_enabled()
    return _failure(step, size, dtype, x.device, cuts, how, added, back)


@cache
def _is_old(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) < (8, 0)


@cache
def _failure(
    step: Equations,
    size: int,
    dtype: torch.dtype,
    device: torch.device,
    cuts: tuple[Tiles, Tiles],
    how: str,
    added: bool,
    back: bool,
) -> str | None:
    """What goes wrong when one step is run by these tiles, None if nothing does."""
    like = torch.zeros(1, 1, step.gates * size, dtype=dtype, device=device)
    state = like.new_zeros(1, size)
    hh = like.new_zeros(len(step.recurrent) * size, size) if step.recurrent else None
    lists = (
        (state[0],) * step.params,
        (state,) * step.states,
        (),
        (like[..., :size],) * len(step.zones),
    )
    mask = state if step.masked else None
    bias = None if hh is None or not added else hh[:, 0].contiguous()
    o = Operands(like, None, hh, None, bias, mask, None, *lists)
    call = Call(step, cuts, how, every_state=False, reverse=False, lengths=None, resets=None)
    try:
        with torch.no_grad():
            results, tape = runtime.forward(call, o, saving=back)
            if back:
                runtime.backward(call, o, tape, results, [True] * len(o.flat()))
        if like.is_cuda:
            torch.cuda.synchronize(device)
    except torch.OutOfMemoryError:  # next time there may be more
        raise
    except Exception as error:  # Triton may fail in any way; the reference does not
        return f"the compiler failed: {type(error).__name__}: {error}"
    return None


def run(
    step: Equations, directions: Sequence[Direction], *, every_state: bool = False
) -> list[list[Tensor]]:
    """Of each direction sequences of states, (T, B, H) each, and the last states, (B, H) each.

    Of the sequences only the first is returned unless `every_state`; they are 0 on padding.
    """
    return [_run(step, each, every_state) for each in directions]


def _run(step: Equations, direction: Direction, every_state: bool) -> list[Tensor]:
    operands, lengths, resets, reverse = direction
    if lengths is not None and resets is not None:
        times = torch.arange(len(resets), device=resets.device).unsqueeze(1)
        resets = resets & (times < lengths)
    x = operands.x
    how = launch.precision(x.dtype)
    cuts = launch.cuts(step, x.shape[1], operands.hidden(step), x.device, how)
    return autograd.run(Call(step, cuts, how, every_state, reverse, lengths, resets), operands)
