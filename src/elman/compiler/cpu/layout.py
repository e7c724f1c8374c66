"""Where the rows of a batch lie at every step, without padding.

A sequence that is reset becomes several segments, each a sequence of its own. Segments are sorted
by length within their group, so that the live rows of a step are the first ones: the kernel only
learns how many. A dense batch keeps torch's order of steps and nothing is moved.

Rows of a state's sequence: the first states, and one row a step and segment.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HEAD, PER_STEP = 2, 4  # entries of a group's table: steps, base; then rows, at, before, now
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """How the rows of a ragged batch are gathered from (T * B) and go back."""

    before: Tensor  # (rows,) in a state's sequence: the previous state
    sequence: Tensor  # (segments,) in B
    given: Tensor | None  # (segments,) bool: starts from the given state; None if all do
    ended: Tensor  # sequences, in B, that have a last segment
    last_segment: Tensor  # of these, in segments
    begin: Tensor  # (segments,) in rows: each segment's first step


@dataclass(frozen=True)
class Layout:
    """A batch of T steps and B sequences as the kernel sees it."""

    steps: int
    batch: int
    reverse: bool
    segments: int
    rows: int
    table: Ints  # (groups, HEAD + PER_STEP * steps)
    source: Tensor  # (rows,), where each row is in T * B
    packing: Packing | None

    @property
    def shape(self) -> tuple[int, int]:
        """(T, B)."""
        return self.steps, self.batch

    @property
    def after(self) -> slice:
        """Of a state's sequence: the states after each step, in the order of rows."""
        start = 0 if self.packing is None and self.reverse else self.segments
        return slice(start, start + self.rows)

    def before(self, sequence: Tensor) -> Tensor:
        """The states before each step, in the order of rows."""
        if self.packing is not None:
            return sequence.index_select(0, self.packing.before)
        start = self.segments if self.reverse else 0
        return sequence[start : start + self.rows]

    def gather(self, padded: Tensor) -> Tensor:
        """Rows of (T, B, F)."""
        flat = padded.reshape(-1, padded.shape[-1])
        if self.packing is not None:
            return flat.index_select(0, self.source)
        return flat.contiguous()

    def scatter(self, rows: Tensor) -> Tensor:
        """(T, B, F) of rows, 0 on padding."""
        if self.packing is not None:
            flat = rows.new_zeros(self.steps * self.batch, rows.shape[-1])
            rows = flat.index_copy_(0, self.source, rows)
        return rows.view(self.steps, self.batch, -1)

    def beginning(self, rows: Tensor) -> Tensor:
        """The rows of each segment's first step, (segments, F)."""
        if self.packing is not None:
            return rows.index_select(0, self.packing.begin)
        return rows[-self.batch :] if self.reverse else rows[: self.batch]


@lru_cache(256)
def dense(steps: int, batch: int, reverse: bool, groups: int) -> Layout:
    """All sequences have all steps."""
    table = np.empty((groups, HEAD + PER_STEP * steps), np.int64)
    edges = np.arange(groups + 1) * batch // groups
    time = np.arange(steps)
    at = (time[::-1] if reverse else time)[None, :] * batch + edges[:-1, None]
    table[:, 0], table[:, 1] = steps, edges[:-1]
    entries = table[:, HEAD:].reshape(groups, steps, PER_STEP)
    entries[..., 0] = np.diff(edges)[:, None]
    entries[..., 1] = at
    entries[..., 2] = at + (batch if reverse else 0)
    entries[..., 3] = at + (0 if reverse else batch)
    rows = steps * batch
    return Layout(steps, batch, reverse, batch, rows, table, _tensor(np.arange(rows)), None)


def ragged(
    lengths: Tensor | None,
    resets: Tensor | None,
    shape: tuple[int, int],
    reverse: bool,
    groups: int,
) -> Layout:
    """Sequences with lengths (B,), starting again where `resets` (T, B) says so."""
    if resets is None and lengths is not None:
        return _of_lengths(lengths.numpy().tobytes(), shape, reverse, groups)
    steps, batch = shape
    size = np.full(batch, steps) if lengths is None else lengths.numpy()
    return _ragged(size, resets, shape, reverse, groups)


@lru_cache(64)
def _of_lengths(lengths: bytes, shape: tuple[int, int], reverse: bool, groups: int) -> Layout:
    """All layers of a model ask for the layout of the same batch."""
    return _ragged(np.frombuffer(lengths, np.int64), None, shape, reverse, groups)


def _ragged(
    size: Ints, resets: Tensor | None, shape: tuple[int, int], reverse: bool, groups: int
) -> Layout:
    steps, batch = shape
    sequence, start, length, fresh = _segments(size, resets, steps, reverse)
    ranking = np.argsort(-length, kind="stable")
    groups = max(1, min(groups, len(ranking)))
    turns = np.arange(len(ranking)) % (2 * groups)  # 0 1 1 0 0 1 1 0 ...
    group = np.minimum(turns, 2 * groups - 1 - turns)
    ranking = ranking[np.argsort(group, kind="stable")]
    members = np.bincount(group, minlength=groups)
    sequence, start, length = (each[ranking] for each in (sequence, start, length))
    fresh = fresh[ranking]
    table = np.zeros((groups, HEAD + PER_STEP * steps), np.int64)
    total, row, base = len(ranking), 0, 0
    source, before, begin = [], [], []
    for g in range(groups):
        own = slice(base, base + members[g])
        longest = int(length[own].max(initial=0))
        live = np.arange(longest)[:, None] < length[own][None, :]
        rows = live.sum(1)
        at = row + np.cumsum(rows) - rows
        now = total + at
        old = np.concatenate([[base], now[:-1]]) if longest else now
        table[g, :HEAD] = longest, base
        entries = table[g, HEAD : HEAD + PER_STEP * longest].reshape(longest, PER_STEP)
        entries[:] = np.stack([rows, at, old, now], 1)
        column = np.arange(members[g])
        step = start[own] + np.arange(longest)[:, None]
        time = size[sequence[own]] - 1 - step if reverse else step
        source.append((time * batch + sequence[own])[live])
        before.append((old[:, None] + column)[live])
        begin.append(row + column)
        row, base = row + int(rows.sum()), base + int(members[g])
    final = start + length == size[sequence]
    packing = Packing(
        _tensor(np.concatenate(before)),
        _tensor(sequence),
        torch.from_numpy(~fresh) if fresh.any() else None,
        _tensor(sequence[final]),
        _tensor(np.flatnonzero(final)),
        _tensor(np.concatenate(begin)),
    )
    place = _tensor(np.concatenate(source))
    return Layout(steps, batch, reverse, total, row, table, place, packing)


def _segments(
    size: Ints, resets: Tensor | None, steps: int, reverse: bool
) -> tuple[Ints, Ints, Ints, NDArray[np.bool_]]:
    """Sequence, first step in the order of processing, length, and whether it is after a reset."""
    if resets is None:
        real = np.flatnonzero(size)
        return real, np.zeros_like(real), size[real], np.zeros(len(real), bool)
    anew = resets.numpy()
    order = np.arange(steps)[:, None]
    if reverse:
        anew = np.take_along_axis(anew, np.maximum(size - 1 - order, 0), 0)
    begins = anew | (order == 0)
    begins &= order < size
    sequence, start = np.nonzero(begins.T)
    after = np.append(start[1:], 0)
    ends = np.append(sequence[1:] != sequence[:-1], True)
    length = np.where(ends, size[sequence], after) - start
    return sequence, start, length, anew[start, sequence]


def _tensor(values: Any) -> Tensor:
    with torch.inference_mode(False):  # it is kept, and may serve training next
        return torch.from_numpy(np.ascontiguousarray(values, np.int64))
