"""What a layer may be given, brought to one form: (T, B, I) and lengths or none."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.nn.lengths import check_lengths
from elman.nn.ragged import Ragged

Input = Tensor | PackedSequence | Ragged


class Batch(NamedTuple):
    """A layer's input in the one form that the recurrence takes."""

    x: Tensor  # (T, B, I)
    lengths: Tensor | None  # (B,) int64, None when no step is padding
    resets: Tensor | None  # (T, B) bool


def to_batch(
    given: Input, lengths: Tensor | None, resets: Tensor | None, input_size: int, batch_first: bool
) -> Batch:
    """Check and convert; ValueError names what came and what would do."""
    if not isinstance(given, Tensor) and lengths is not None:
        raise ValueError(f"lengths must be left out: a {type(given).__name__} carries its own")
    if isinstance(given, PackedSequence):
        x, lengths = pad_packed_sequence(given)
    elif isinstance(given, Ragged):
        x, lengths = given.pad()
    elif isinstance(given, Tensor) and given.dim() in (2, 3):
        x = given
        if x.dim() == 2:
            x = x.unsqueeze(1)
            lengths = _unbatched(lengths, "lengths", 0)
            resets = _unbatched(resets, "resets", 1)
        elif batch_first:
            x = x.transpose(0, 1)
            resets = resets.transpose(0, 1) if resets is not None else None
    else:
        came = f"shape {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        order = "(B, T, I)" if batch_first else "(T, B, I)"
        raise ValueError(f"x must have shape {order} or (T, I) without a batch, got {came}")
    steps, batch, features = x.shape
    if features != input_size:
        raise ValueError(f"x must have input_size={input_size} features, got {features}")
    if lengths is not None:
        lengths = check_lengths(lengths, steps, batch)
        lengths = None if bool((lengths == steps).all()) else lengths.to(x.device)
    if resets is not None and (resets.dtype != torch.bool or resets.shape != (steps, batch)):
        raise ValueError(
            f"resets must be bool with one entry a step and sequence, ({steps}, {batch});"
            f" got {resets.dtype} of shape {tuple(resets.shape)}"
        )
    return Batch(x, lengths, resets)


def from_batch(output: Tensor, given: Input, batch_first: bool) -> Input:
    """The output, (T, B, H), in the form in which the input came."""
    if isinstance(given, PackedSequence):
        order, sizes = given.sorted_indices, given.batch_sizes.to(output.device)
        packed = output if order is None else output.index_select(1, order)
        real = torch.arange(output.shape[1], device=output.device) < sizes.unsqueeze(1)
        return PackedSequence(packed[real], given.batch_sizes, order, given.unsorted_indices)
    if isinstance(given, Ragged):
        return Ragged.from_padded(output, given.lengths)
    if given.dim() == 2:
        return output.squeeze(1)
    return output.transpose(0, 1) if batch_first else output


def to_state(
    state: Tensor | tuple[Tensor, ...] | None, names: tuple[str, ...], shapes: list[tuple[int, ...]]
) -> tuple[Tensor, ...] | None:
    """The given state as a tuple of (layers * directions, B, size), checked."""
    if state is None:
        return None
    parts = (state,) if isinstance(state, Tensor) else tuple(state)
    if len(parts) != len(names):
        raise ValueError(
            f"state must hold {len(names)} tensors ({', '.join(names)}), got {len(parts)}"
        )
    for name, part, shape in zip(names, parts, shapes, strict=True):
        if part.shape != shape:
            raise ValueError(f"state {name} must have shape {shape}, got {tuple(part.shape)}")
    return parts


def _unbatched(value: Tensor | None, name: str, dim: int) -> Tensor | None:
    if value is None:
        return None
    if value.dim() != dim:
        raise ValueError(
            f"{name} of an input without a batch must have {dim} dimensions, got {value.dim()}"
        )
    return value.unsqueeze(-1)
