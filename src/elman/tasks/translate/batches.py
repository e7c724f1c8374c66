"""Pairs of token sequences in batches of about as many tokens."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import TokenBuckets
from elman.data.batching import share
from elman.data.shards.manifest import Pair
from elman.nn.lengths import mask_of
from elman.tasks.streamed import StreamedBatches
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.preprocessing import TranslatePreprocessing
from elman.tasks.translate.sharded import pairs_of
from elman.train.inference import ByLength

IDs = NDArray[np.int64]
_POOL = 50  # batches of shards that are sorted by length together
_MEASURED = 10_000  # pairs of a sample, by which shards are put into batches


class PairBatch(NamedTuple):
    """Sources with their targets; of a batch to translate alone the targets are empty.

    - `source`: ids (T, B) int64, `lengths`: (B,).
    - `inputs`: the target's ids from the start symbol on, (U, B); `outputs`: what follows each,
      up to the end symbol, and `real`: (U, B) bool, where there is no padding.
    - `weights`: (B,) of each pair.
    - `texts`: the sources, of batches to translate.
    """

    source: Tensor
    lengths: Tensor
    inputs: Tensor
    outputs: Tensor
    real: Tensor
    weights: Tensor
    texts: Sequence[str] = ()

    def shard(self, number: int, count: int) -> "PairBatch | None":
        """Shard `number` of `count`, padded to the longest of its own; None if empty."""
        part = share(len(self.lengths), number, count)
        if part is None:
            return None
        lengths, real = self.lengths[part], self.real[:, part]
        steps = slice(int(real.sum(0).max()))
        return PairBatch(
            self.source[: int(lengths.max()), part],
            lengths,
            self.inputs[steps, part],
            self.outputs[steps, part],
            real[steps],
            self.weights[part],
            self.texts[part],
        )


def collated(
    sources: Sequence[IDs], targets: Sequence[IDs], start_id: int, weights: Sequence[float] = ()
) -> PairBatch:
    """A batch of ids that end with the end symbol."""
    source, lengths = padded(sources)
    outputs, own = padded(targets)
    inputs = torch.cat([torch.full((1, len(targets)), start_id), outputs[:-1]])
    real = mask_of(own, len(outputs))
    given = torch.tensor(weights) if len(weights) else torch.ones(len(sources))
    return PairBatch(source, lengths, inputs, outputs, real, given)


def padded(sequences: Sequence[IDs]) -> tuple[Tensor, Tensor]:
    """Ids (T, B), 0 after the end of each, and their lengths (B,)."""
    lengths = [len(ids) for ids in sequences]
    both = np.zeros((max(lengths, default=0), len(lengths)), np.int64)
    for column, ids in enumerate(sequences):
        both[: len(ids), column] = ids
    return torch.from_numpy(both), torch.tensor(lengths, dtype=torch.int64)


class TrainingPairs:
    """All pairs once an epoch, in batches of `tokens` tokens on the longer side; if None, in
    `number` batches of about as many."""

    def __init__(
        self,
        known: TranslatePreprocessing,
        sources: Sequence[str],
        targets: Sequence[str],
        weights: Sequence[float] | None,
        tokens: int | None,
        seed: int,
        number: int | None = None,
    ) -> None:
        self._sources, self._targets = known.training_ids(sources, targets)
        self._start_id = known.target.start_id
        self._weights = None if weights is None else np.asarray(weights, np.float32)
        self._buckets = TokenBuckets(
            _lengths(self._sources, self._targets), tokens, seed=seed, number=number
        )

    def __len__(self) -> int:
        return len(self._buckets)

    def epoch(self, e: int, start: int = 0) -> Iterator[PairBatch]:
        """The batches of epoch `e`, from the one numbered `start`."""
        for numbers in self._buckets.epoch(e)[start:]:
            yield collated(
                [self._sources[i] for i in numbers],
                [self._targets[i] for i in numbers],
                self._start_id,
                () if self._weights is None else self._weights[numbers],  # type: ignore[arg-type]
            )


def of_memory(
    known: TranslatePreprocessing, data: TranslateData, tokens: int, seed: int
) -> TrainingPairs:
    """Those of the data to train on, of so many tokens at most."""
    pairs = data.training_pairs
    return TrainingPairs(known, pairs.sources, pairs.targets or [], pairs.weights, tokens, seed)


def streamed(
    known: TranslatePreprocessing, data: TranslateData, tokens: int, seed: int
) -> StreamedBatches:
    """The same of pairs in shards: batches of about so many tokens, without padding at most."""
    assert data.shards is not None
    some = data.pairs.select(range(min(len(data), _MEASURED)))
    mean = _lengths(*known.training_ids(some.sources, some.targets or ())).max(1).mean()

    def trained_on(rows: list[Pair], number: int) -> TrainingPairs:
        pairs = pairs_of(rows)
        given = pairs.sources, pairs.targets or (), pairs.weights
        return TrainingPairs(known, *given, None, seed, number)

    return StreamedBatches(data.shards, max(1, int(tokens / mean)), _POOL, trained_on)


def _lengths(sources: Sequence[IDs], targets: Sequence[IDs]) -> IDs:
    """The tokens of both sides, (N, 2)."""
    return np.array([[len(s), len(t)] for s, t in zip(sources, targets, strict=True)])


def by_length(
    known: TranslatePreprocessing, sources: Sequence[str], targets: Sequence[str], size: int
) -> ByLength[PairBatch]:
    """Batches of `size` sources of similar length, with their targets if there are any."""
    own, theirs = known.ids(sources, targets)

    def collate(numbers: list[int]) -> PairBatch:
        given = [theirs[i] for i in numbers] if theirs else [own[0][:0] for _ in numbers]
        found = collated([own[i] for i in numbers], given, known.target.start_id)
        return found._replace(texts=[sources[i] for i in numbers])

    return ByLength([len(ids) for ids in own], size, collate)
