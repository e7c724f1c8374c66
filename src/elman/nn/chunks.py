"""Sequences with time first, and how they are cut into chunks that become rows of a batch."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

States = tuple[Tensor, ...]  # (layers, rows, features) each


class Sequences(NamedTuple):
    """What a layer runs over: T steps of `rows` sequences."""

    x: Tensor  # (T, rows, I)
    lengths: Tensor | None = None  # (rows,) int64
    resets: Tensor | None = None  # (T, rows) bool

    def steps(self, start: int, stop: int) -> "Sequences":
        """The steps from `start` to before `stop`."""
        x, lengths, resets = self
        lengths = None if lengths is None else (lengths - start).clamp(0, stop - start)
        return Sequences(x[start:stop], lengths, None if resets is None else resets[start:stop])

    def rows(self, index: slice | Tensor) -> "Sequences":
        """Some of the sequences."""
        x, lengths, resets = self
        lengths = None if lengths is None else lengths[index]
        return Sequences(x[:, index], lengths, None if resets is None else resets[:, index])


class Run(Protocol):
    """A layer, run over sequences as a whole."""

    def __call__(self, given: Sequences, state: States | None) -> tuple[list[Tensor], States]:
        """What it returns at every step, (T, ..., rows, features) each, and the last states."""

    def initial(self, x: Tensor) -> States:
        """The state before the first step of (T, rows, I), if none is given."""


def side_by_side(parts: Sequence[Sequences]) -> Sequences:
    """Sequences of equally many steps as one batch."""
    lengths = [part.lengths for part in parts if part.lengths is not None]
    resets = [part.resets for part in parts if part.resets is not None]
    return Sequences(
        torch.cat([part.x for part in parts], 1),
        torch.cat(lengths) if lengths else None,
        torch.cat(resets, 1) if resets else None,
    )


class Chunks(NamedTuple):
    """How number * steps steps of a batch become steps of number * batch rows, chunk by chunk.

    >>> chunks = Chunks(number=2, steps=3, batch=1)
    >>> chunks.split(torch.arange(6).view(6, 1, 1))[..., 0]
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """

    number: int
    steps: int
    batch: int

    def split(self, whole: Tensor) -> Tensor:
        """(T, ..., batch, features) as (steps, ..., number * batch, features)."""
        parts = whole.reshape(self.number, self.steps, *whole.shape[1:])
        return parts.movedim(0, -3).flatten(-3, -2)

    def join(self, rows: Tensor) -> Tensor:
        """The reverse of `split`."""
        parts = rows.reshape(*rows.shape[:-2], self.number, self.batch, rows.shape[-1])
        return parts.movedim(-3, 0).flatten(0, 1)

    def split_all(self, given: Sequences) -> Sequences:
        """A batch's sequences as rows."""
        x, lengths, resets = given
        if lengths is not None:
            starts = torch.arange(self.number, device=lengths.device).unsqueeze(1) * self.steps
            lengths = (lengths - starts).clamp(0, self.steps).flatten()
        if resets is not None:
            resets = self.split(resets.unsqueeze(-1)).squeeze(-1)
        return Sequences(self.split(x), lengths, resets)

    def last_rows(self, lengths: Tensor | None, device: torch.device) -> Tensor:
        """Of each sequence the row in which it ends, (batch,)."""
        columns = torch.arange(self.batch, device=device)
        if lengths is None:
            return columns + (self.number - 1) * self.batch
        chunk = ((lengths - 1).clamp(min=0) // self.steps).clamp(max=self.number - 1)
        return chunk * self.batch + columns
