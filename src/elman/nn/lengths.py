"""Lengths of the sequences in a padded batch, and what follows from them."""

from typing import Any

import torch
from torch import Tensor

from elman.errors import SettingsError, SettingTypeError
from elman.nn.recording import in_graph, recorded


def as_tensor(value: Any, name: str) -> Tensor:
    """A tensor of what can be one; TypeError with the argument's name else."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise SettingTypeError(
            f"{name} must be a tensor or numbers, got {type(value).__name__}"
        ) from error


def check_lengths(lengths: Tensor, steps: int, batch: int) -> Tensor:
    """The lengths, shape (batch,), as int64; ValueError when one is no count up to `steps`."""
    if not isinstance(lengths, Tensor):
        lengths = as_tensor(lengths, "lengths")
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise SettingsError(f"lengths must be whole numbers (int64), got {lengths.dtype}")
    if lengths.shape != (batch,):
        raise SettingsError(f"lengths must have shape ({batch},), got {tuple(lengths.shape)}")
    if in_graph() or recorded():  # values are not known there
        return lengths.to(torch.int64)
    if batch and (int(lengths.min()) < 0 or int(lengths.max()) > steps):
        raise SettingsError(
            f"lengths must lie between 0 and the {steps} steps of the input, got"
            f" {int(lengths.min())} to {int(lengths.max())}"
        )
    return lengths.to(torch.int64)


def mask_of(lengths: Tensor, steps: int) -> Tensor:
    """Which steps are real: bool, shape (steps, batch), on the device of `lengths`.

    >>> mask_of(torch.tensor([1, 2]), 2)
    tensor([[ True,  True],
            [False,  True]])
    """
    return torch.arange(steps, device=lengths.device).unsqueeze(1) < lengths


def reverse_within(x: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence of x, shape (T, B, F), turned round; padding stays at the end."""
    steps = torch.arange(len(x), device=x.device).unsqueeze(1)
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x.gather(0, index.unsqueeze(-1).expand_as(x))


def last_step(sequence: Tensor, lengths: Tensor, initial: Tensor) -> Tensor:
    """Each sequence's value at its last real step, shape (B, F); `initial` where it has none."""
    index = (lengths - 1).clamp(min=0).view(1, -1, 1).expand(1, -1, sequence.shape[-1])
    return torch.where((lengths > 0).unsqueeze(-1), sequence.gather(0, index)[0], initial)
