"""What a layer may be given, brought to one form: (T, B, I) and lengths or none."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.errors import SettingsError, SettingTypeError
from elman.nn.lengths import as_tensor, check_lengths
from elman.nn.ragged import Ragged
from elman.nn.recording import in_graph, recorded

Input = Tensor | PackedSequence | Ragged


class Batch(NamedTuple):
    """A layer's input in the one form that the recurrence takes."""

    x: Tensor  # (T, B, I), or (T, B, I, height, width)
    lengths: Tensor | None  # (B,) int64, None when no step is padding
    resets: Tensor | None  # (T, B) bool


def to_batch(
    given: Input,
    lengths: Tensor | None,
    resets: Tensor | None,
    input_size: int,
    batch_first: bool,
    *,
    maps: bool = False,
) -> Batch:
    """Check and convert; ValueError names what came and what would do.

    With `maps` each step holds feature maps (C, H, W), and not features (I).
    """
    step, dims, name = ("C, H, W", 5, "in_channels") if maps else ("I", 3, "input_size")
    if not isinstance(given, Tensor) and lengths is not None:
        raise SettingsError(f"lengths must be left out: a {type(given).__name__} carries its own")
    order = f"(B, T, {step})" if batch_first else f"(T, B, {step})"
    if isinstance(given, PackedSequence):
        x, lengths = pad_packed_sequence(given, batch_first)
    elif isinstance(given, Ragged):
        x, lengths = given.pad(batch_first=batch_first)
    elif isinstance(given, Tensor):
        x = given
    else:
        raise SettingTypeError(
            f"x must be a tensor of shape {order}, a PackedSequence or a Ragged, got"
            f" {type(given).__name__}"
        )
    batched = not isinstance(given, Tensor) or x.dim() == dims
    if not batched and x.dim() == dims - 1:
        x = x.unsqueeze(1)
        lengths = _unbatched(lengths, "lengths", 0)
        resets = _unbatched(resets, "resets", 1)
    if x.dim() != dims:
        raise SettingsError(
            f"x must have shape {order} or (T, {step}) without a batch, got {tuple(x.shape)}"
        )
    if resets is not None and not isinstance(resets, Tensor):
        raise SettingTypeError(f"resets must be a tensor, got {type(resets).__name__}")
    if resets is not None and (resets.dtype != torch.bool or resets.shape != x.shape[:2]):
        raise SettingsError(
            f"resets must be bool with one entry a step and sequence, {tuple(x.shape[:2])};"
            f" got {resets.dtype} of shape {tuple(resets.shape)}"
        )
    if batched and batch_first:
        x = x.transpose(0, 1)
        resets = None if resets is None else resets.T
    steps, batch, features = x.shape[:3]
    if features != input_size:
        kind = "channels" if maps else "features"
        raise SettingsError(f"x must have {name}={input_size} {kind}, got {features}")
    if lengths is not None:
        lengths = check_lengths(lengths, steps, batch)
        known = not (in_graph() or recorded())
        whole = known and bool((lengths == steps).all())
        lengths = None if whole else lengths.to(x.device)
    resets = None if resets is None else resets.to(x.device)
    return Batch(x, lengths, resets)


def from_batch(output: Tensor, given: Input, batch_first: bool) -> Input:
    """The output, (T, B, ...), in the form in which the input came."""
    if isinstance(given, PackedSequence):
        order, sizes = given.sorted_indices, given.batch_sizes.to(output.device)
        packed = output if order is None else output.index_select(1, order)
        real = torch.arange(output.shape[1], device=output.device) < sizes.unsqueeze(1)
        return PackedSequence(packed[real], given.batch_sizes, order, given.unsorted_indices)
    if isinstance(given, Ragged):
        return Ragged.from_padded(output, given.lengths)
    if given.dim() < output.dim():
        return output.squeeze(1)
    return output.transpose(0, 1) if batch_first else output


def to_state(
    state: Tensor | tuple[Tensor, ...] | None,
    names: tuple[str, ...],
    shapes: list[tuple[int, ...]],
    *,
    batched: bool,
) -> tuple[Tensor, ...] | None:
    """The given state as a tuple of (layers * directions, B, ...), checked."""
    if state is None:
        return None
    parts = (state,) if isinstance(state, Tensor) else state
    if not isinstance(parts, tuple | list) or not all(isinstance(p, Tensor) for p in parts):
        raise SettingTypeError(
            f"state must be a tensor or a tuple of tensors ({', '.join(names)}), got"
            f" {type(state).__name__}"
        )
    parts = tuple(parts)
    if len(parts) != len(names):
        raise SettingsError(
            f"state must hold {len(names)} tensors ({', '.join(names)}), got {len(parts)}"
        )
    for name, part, whole in zip(names, parts, shapes, strict=True):
        shape = whole if batched else (whole[0], *whole[2:])
        if part.shape != shape:
            raise SettingsError(f"state {name} must have shape {shape}, got {tuple(part.shape)}")
    return parts if batched else tuple(part.unsqueeze(1) for part in parts)


def _unbatched(value: Tensor | None, name: str, dim: int) -> Tensor | None:
    if value is None:
        return None
    value = as_tensor(value, name)
    if value.dim() != dim:
        raise SettingsError(
            f"{name} of an input without a batch must have {dim} dimensions, got {value.dim()}"
        )
    return value.unsqueeze(-1)
