"""Which examples, or which stretch of a corpus, make up each batch."""

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.checks import indices, whole
from elman.data.values import shown
from elman.errors import DataError, SettingsError


class BucketSampler:
    """Batches of sequences of similar length, so that little is padded; every one once an epoch.

    The examples are shuffled, and within each pool of `pool` batches sorted by length; the batches
    are shuffled in turn. The batches of an epoch depend on the seed and its number alone, so that
    training resumes in the middle of one.

    **Arguments:**

    - `lengths`: of each example.
    - `batch_size`: examples a batch; the last may be smaller.
    - `seed`: of the shuffles.
    - `shuffle`: if `False`, batches in order of length, the same in every epoch (evaluation).
    - `pool`: batches that are sorted together: more pads less, fewer shuffles better.

    >>> sampler = BucketSampler([3, 9, 4, 8], 2, shuffle=False)
    >>> [batch.tolist() for batch in sampler.epoch(0)]
    [[0, 2], [3, 1]]
    """

    def __init__(
        self,
        lengths: Sequence[int] | NDArray[np.integer[Any]],
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        pool: int = 50,
    ) -> None:
        self.lengths = indices(lengths, "lengths")
        self.batch_size = whole(batch_size, "batch_size", 1)
        self.seed = _seed(seed)
        self.shuffle = shuffle
        self.pool = whole(pool, "pool", 1)

    def __len__(self) -> int:
        """The number of batches of an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """The batches of an epoch, each the indices of its examples."""
        if not self.shuffle:
            return self._batches(np.argsort(self.lengths, kind="stable"))
        random = np.random.default_rng([self.seed, whole(epoch, "epoch")])
        order = random.permutation(len(self.lengths))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), self.pool * self.batch_size):
            pool = order[start : start + self.pool * self.batch_size]
            batches += self._batches(pool[np.argsort(self.lengths[pool], kind="stable")])
        return [batches[i] for i in random.permutation(len(batches))]

    def _batches(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        starts = range(0, len(order), self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]


class TokenBuckets:
    """Batches of sequences of similar length and about as many tokens; all once an epoch.

    The sequences are sorted by length, those of equal length shuffled, and cut where the next one
    would make padded `longest x number` more than `tokens`; the batches are shuffled in turn. Each
    epoch has as many batches, which depend on the seed and its number alone.

    **Arguments:**

    - `lengths`: of each example, (N,), or (N, K) of its K sides, the longest of which counts.
    - `tokens`: most tokens a batch; a longer example is a batch of its own. None to take the
      fewest with which there are no more batches than `number`.
    - `seed`: of the shuffles.
    - `number`: of batches, where `tokens` are None; no more than there are examples.

    >>> [batch.tolist() for batch in TokenBuckets([2, 3, 2, 9], 6).epoch(0)]
    [[1], [3], [2, 0]]
    >>> [batch.tolist() for batch in TokenBuckets([2, 3, 2, 9], None, number=2).epoch(0)]
    [[2, 0, 1], [3]]
    """

    def __init__(
        self,
        lengths: Sequence[Any] | NDArray[np.integer[Any]],
        tokens: int | None,
        *,
        seed: int = 0,
        number: int | None = None,
    ) -> None:
        sides = np.asarray(lengths, np.int64)
        sides = sides.reshape(len(sides), -1 if sides.size else 1)
        self.seed = _seed(seed)
        self._sides = np.sort(sides, axis=1)  # the longest side last
        longest = np.sort(self._sides[:, -1]) if len(sides) else np.zeros(0, np.int64)
        if tokens is None:
            self._cuts = _cut_into(longest.tolist(), whole(number, "number", 1))
        else:
            self._cuts = _cut(longest.tolist(), whole(tokens, "tokens", 1))

    def __len__(self) -> int:
        """The number of batches of an epoch."""
        return len(self._cuts) - 1

    def epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """The batches of an epoch, each the indices of its examples."""
        random = np.random.default_rng([self.seed, whole(epoch, "epoch")])
        order = np.lexsort((random.random(len(self._sides)), *self._sides.T))
        batches = [order[a:b] for a, b in zip(self._cuts[:-1], self._cuts[1:], strict=True)]
        return [batches[i] for i in random.permutation(len(batches))]


def _cut(longest: list[int], tokens: int) -> list[int]:
    """Where batches of sequences in order of length begin, and the end."""
    cuts = [0]
    for i, length in enumerate(longest):
        if i > cuts[-1] and (i + 1 - cuts[-1]) * length > tokens:
            cuts.append(i)
    return [*cuts, len(longest)] if longest else cuts


def _cut_into(longest: list[int], number: int) -> list[int]:
    """The same for exactly so many batches, the largest as small as can be."""
    if len(longest) < number:
        raise DataError(f"{len(longest)} sequences cannot be put into {number} batches")
    few, many = 0, longest[-1] * len(longest)  # tokens with which there are too many, and not
    while few + 1 < many:
        between = (few + many) // 2
        enough = len(_cut(longest, between)) - 1 <= number
        few, many = (few, between) if enough else (between, many)
    cuts = _cut(longest, many)
    while len(cuts) - 1 < number:
        at = max(range(1, len(cuts)), key=lambda i: cuts[i] - cuts[i - 1])
        cuts.insert(at, (cuts[at - 1] + cuts[at]) // 2)
    return cuts


class Chunk(NamedTuple):
    """Inputs and the token after each, int64 (T, B)."""

    inputs: torch.Tensor
    targets: torch.Tensor

    def shard(self, number: int, count: int) -> "Chunk | None":
        """Streams of shard `number` of `count`; None if empty."""
        part = share(self.inputs.shape[1], number, count)
        return part and Chunk(self.inputs[:, part], self.targets[:, part])


class Chunks:
    """A corpus laid in parallel streams and cut along time, for truncated BPTT.

    Row b of a batch goes on in row b of the next one, so that the hidden state carries over. Each
    target is the token after its input. Of the tokens, fewer than `batch_size` (and, with
    `random_offset`, up to `length`) at an end are left out. A memory-mapped corpus is read chunk by
    chunk.

    **Arguments:**

    - `tokens`: integers (N,), an array or a memory map.
    - `batch_size`: parallel streams, B.
    - `length`: time steps a chunk, T; the last chunk may be shorter.
    - `seed`: of the offsets.
    - `random_offset`: whether each epoch begins at another of the first `length` tokens, so that
      the cuts fall elsewhere.

    >>> chunks = Chunks(np.arange(9), batch_size=2, length=3)
    >>> inputs, targets = next(chunks.epoch(0))
    >>> inputs.T.tolist(), targets.T.tolist()
    ([[0, 1, 2], [4, 5, 6]], [[1, 2, 3], [5, 6, 7]])
    """

    def __init__(
        self,
        tokens: NDArray[Any],
        batch_size: int,
        length: int,
        *,
        seed: int = 0,
        random_offset: bool = False,
    ) -> None:
        batch_size, length = whole(batch_size, "batch_size", 1), whole(length, "length", 1)
        if not isinstance(tokens, np.ndarray):
            tokens = indices(tokens, "tokens")
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            raise DataError(
                f"tokens of type {tokens.dtype}, shape {tokens.shape}, where integers (N,) are"
                " needed"
            )
        if len(tokens) < batch_size + 1:
            raise DataError(
                f"{len(tokens)} tokens are too few for {batch_size} parallel streams: "
                f"at least {batch_size + 1} are needed"
            )
        self.tokens = tokens
        self.batch_size = batch_size
        self.length = length
        self.seed = _seed(seed)
        spare = len(tokens) - 1 - batch_size
        self._offsets = 1 + (min(length - 1, spare) if random_offset else 0)
        self.steps = (len(tokens) - self._offsets) // batch_size

    def __len__(self) -> int:
        """The number of chunks of an epoch, the same for each."""
        return -(-self.steps // self.length)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Chunk]:
        """The chunks of an epoch from number `start` on: inputs and targets, int64 (T, B) each."""
        random = np.random.default_rng([self.seed, whole(epoch, "epoch")])
        offset = int(random.integers(self._offsets))
        start = whole(start, "start")
        rows = offset + self.steps * np.arange(self.batch_size)
        for begin in range(start * self.length, self.steps, self.length):
            end = min(begin + self.length, self.steps)
            both = np.empty((end - begin + 1, self.batch_size), np.int64)
            for column, row in enumerate(rows):
                both[:, column] = self.tokens[row + begin : row + end + 1]
            chunk = torch.from_numpy(both)
            yield Chunk(chunk[:-1], chunk[1:])


def share(size: int, number: int, count: int) -> slice | None:
    """Which of `size` sequences are shard `number` of `count`: neighbours; None for none.

    The first shards have one more where they cannot all be equal.

    >>> [share(5, number, 3) for number in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    >>> share(1, 0, 2), share(1, 1, 2)
    (slice(0, 1, None), None)
    """
    each, more = divmod(size, count)
    first = number * each + min(number, more)
    end = first + each + (number < more)
    return slice(first, end) if end > first else None


def _seed(seed: Any) -> int:
    if not isinstance(seed, Integral) or seed < 0:
        raise SettingsError(f"seed={shown(seed)}: a whole number, at least 0, is needed")
    return int(seed)
