"""Short numbers, bfloat16 and float16: taken from and given to torch, computed as float32."""

from typing import Any

import torch
from torch import Tensor

LOW = (torch.bfloat16, torch.float16)


def has_autocast(x: Tensor) -> bool:
    """Whether autocast is at work where x lies."""
    return torch.is_autocast_enabled("cuda" if x.is_cuda else "cpu")


def low_precision(x: Tensor) -> torch.dtype | None:
    """The type of numbers that autocast or the input asks for, if it is a short one."""
    if has_autocast(x) and x.dtype != torch.float64:
        return torch.get_autocast_dtype("cuda" if x.is_cuda else "cpu")
    return x.dtype if x.dtype in LOW else None


def rounded(tensor: Tensor, low: torch.dtype) -> Tensor:
    """The nearest short numbers, as float32."""
    return tensor.to(low).float()


def as_float(parts: Any, low: torch.dtype | None = None) -> Any:
    """Float32 of each tensor in a (named) tuple, its matrices rounded to `low` first."""

    def convert(value: Any) -> Any:
        if isinstance(value, tuple):
            return as_float(value, low)
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        return rounded(value, low) if low is not None and value.dim() == 2 else value.float()

    values = [convert(each) for each in parts]
    return type(parts)(*values) if hasattr(parts, "_fields") else tuple(values)
