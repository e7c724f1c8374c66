"""Sequences of unequal length as one flat tensor and their lengths."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from elman.errors import SettingsError, SettingTypeError
from elman.nn.lengths import as_tensor, check_lengths, mask_of


class Ragged:
    """A batch of sequences of unequal length, without padding.

    **Attributes:**

    - `values`: shape (N, ...), all steps of all sequences, one sequence after the other.
    - `lengths`: shape (B,), int64, with sum N; zero is allowed.

    >>> batch = Ragged.from_list([torch.ones(2, 3), torch.zeros(1, 3)])
    >>> batch
    Ragged(2 sequences, 3 steps, features (3,))
    >>> padded, lengths = batch.pad()
    >>> padded.shape, lengths
    (torch.Size([2, 2, 3]), tensor([2, 1]))
    """

    def __init__(self, values: Tensor, lengths: Tensor | Sequence[int]) -> None:
        """Take values and lengths as they are; ValueError when they do not add up."""
        if not isinstance(values, Tensor):
            raise SettingTypeError(f"values must be a tensor, got {type(values).__name__}")
        lengths = as_tensor(lengths, "lengths")
        whole = not (lengths.is_floating_point() or lengths.is_complex())
        if lengths.dim() != 1 or (len(lengths) and not (whole and int(lengths.min()) >= 0)):
            raise SettingsError(
                f"lengths must be a vector of counts, got {str(lengths.tolist())[:80]}"
            )
        lengths = lengths.to(torch.int64)
        if values.dim() < 1 or int(lengths.sum()) != len(values):
            raise SettingsError(
                f"lengths sum to {int(lengths.sum())} steps, but values has shape"
                f" {tuple(values.shape)}"
            )
        self.values = values
        self.lengths = lengths

    @classmethod
    def from_list(cls, sequences: Sequence[Tensor]) -> "Ragged":
        """Join sequences of shape (T_i, ...) that agree in all but their length."""
        if not isinstance(sequences, list | tuple) or not all(
            isinstance(each, Tensor) and each.dim() for each in sequences
        ):
            raise SettingTypeError("sequences must be a list of tensors, (T_i, ...) each")
        if not sequences:
            raise SettingsError("sequences is empty; a ragged batch needs at least one sequence")
        if len({each.shape[1:] for each in sequences}) > 1:
            shapes = sorted({tuple(each.shape[1:]) for each in sequences})
            raise SettingsError(f"sequences must agree in all but their length, got {shapes[:5]}")
        return cls(torch.cat(list(sequences)), [each.size(0) for each in sequences])

    @classmethod
    def from_padded(cls, x: Tensor, lengths: Tensor, *, batch_first: bool = False) -> "Ragged":
        """Drop the padding of x, shape (T, B, ...), or (B, T, ...) with `batch_first`."""
        if not batch_first:
            x = x.transpose(0, 1)
        lengths = check_lengths(lengths, x.shape[1], x.shape[0])
        return cls(x[mask_of(lengths.to(x.device), x.shape[1]).T], lengths)

    def pad(self, *, batch_first: bool = False, value: float = 0) -> tuple[Tensor, Tensor]:
        """The batch with padding at the ends.

        **Returns:** a tensor of shape (T, B, ...), or (B, T, ...) with `batch_first`, where T is
        the largest length, and the lengths, shape (B,).
        """
        longest = int(self.lengths.max()) if len(self) else 0
        padded = self.values.new_full((len(self), longest, *self.values.shape[1:]), value)
        mask = mask_of(self.lengths.to(padded.device), longest).T
        padded = padded.index_put((mask,), self.values)
        return padded if batch_first else padded.transpose(0, 1), self.lengths

    def to(self, *args: Any, **kwargs: Any) -> "Ragged":
        """The same batch with its values moved or converted, as `torch.Tensor.to` does."""
        return Ragged(self.values.to(*args, **kwargs), self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Tensor:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is outside a batch of {len(self)} sequences")
        index %= len(self)
        start = int(self.lengths[:index].sum())
        return self.values[start : start + int(self.lengths[index])]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(torch.split(self.values, self.lengths.tolist()))

    def __repr__(self) -> str:
        features = tuple(self.values.shape[1:])
        return f"Ragged({len(self)} sequences, {len(self.values)} steps, features {features})"
