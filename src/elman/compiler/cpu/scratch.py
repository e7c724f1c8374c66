"""Large buffers kept for the next call: fresh memory costs more than what is done with it."""

from collections import OrderedDict

import torch
from torch import Tensor

from elman.compiler.locks import ForkLock

MOST_BYTES = 256 << 20
_SMALL = 1 << 15  # numbers; such buffers are cheap, and not kept
_free: OrderedDict[int, Tensor] = OrderedDict()  # by their address, the oldest first
_lock = ForkLock()


def take(like: Tensor, rows: int, columns: int) -> Tensor:
    """An uninitialised (rows, columns) tensor of the dtype of `like`."""
    count = rows * columns
    if count <= _SMALL:
        return like.new_empty(rows, columns)
    with _lock:
        for address, buffer in reversed(_free.items()):
            if buffer.dtype == like.dtype and count <= buffer.numel() <= count + count // 8:
                del _free[address]
                return buffer[:count].view(rows, columns)
    with torch.inference_mode(False):  # it may serve training next
        return torch.empty(rows, columns, dtype=like.dtype)


def give(*buffers: Tensor | None) -> None:
    """Give back what nobody else holds any more."""
    large = [each for each in buffers if each is not None and each.numel() > _SMALL]
    if not large:
        return
    with _lock:
        for buffer in large:
            whole = buffer if buffer._base is None else buffer._base
            if whole.is_contiguous():
                _free[whole.data_ptr()] = whole.view(-1)
        held = sum(each.nbytes for each in _free.values())
        while held > MOST_BYTES:
            held -= _free.popitem(last=False)[1].nbytes
