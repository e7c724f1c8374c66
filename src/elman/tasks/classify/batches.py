"""A classifier's batches: padded, of examples in memory or of shards that are read on the way."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from elman.tasks.batches import Padded, PaddedBatches
from elman.tasks.classify.dataset import ClassifyData
from elman.tasks.classify.preprocessing import ClassifyPreprocessing
from elman.tasks.classify.sharded import examples_of

_BATCH = 128  # sequences in a batch of inference
_POOL = 50  # batches of shards that are sorted by length together


def padded(
    preprocessing: ClassifyPreprocessing,
    data: ClassifyData,
    batch_size: int,
    seed: int,
    *,
    training: bool,
) -> PaddedBatches:
    """Sequences of similar length with their targets; zeros where there are no labels."""
    words = preprocessing.words(data.texts)
    sequences = preprocessing.sequences(data) if words is None else words.sequences
    return PaddedBatches(
        sequences,
        preprocessing.targets(data),
        batch_size,
        seed=seed,
        shuffle=training,
        inputs=None if words is None else words.inputs,
        beside=None if training else preprocessing.linear_scores(data),
    )


def in_order(preprocessing: ClassifyPreprocessing, data: ClassifyData) -> PaddedBatches:
    """The same for inference: not shuffled, and with the scores of a linear model."""
    return padded(preprocessing, data, _BATCH, 0, training=False)


class StreamedBatches:
    """Batches to train on of data in shards, (T, B) each with targets (B,).

    Rows are read as they are needed, so many at once as 50 batches hold, sorted by length and
    shuffled. What the batches hold depends on the seed and the epoch alone.
    """

    def __init__(
        self, preprocessing: ClassifyPreprocessing, data: ClassifyData, batch_size: int
    ) -> None:
        assert data.shards is not None
        self.preprocessing, self.data, self.rows = preprocessing, data, data.shards
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def epoch(self, e: int, start: int = 0) -> Iterator[Padded]:
        """The batches of epoch `e`, from the one numbered `start`."""
        size, pools = _POOL * self.batch_size, -(-len(self) // _POOL)
        first, skipped = divmod(start, _POOL)
        rows = self.rows.epoch(e, first * size)
        for pool in range(first, pools):
            examples = examples_of(list(islice(rows, size)), str(self.rows.shards))
            part = replace(self.data, examples=examples, shards=None)
            batches = padded(
                self.preprocessing, part, self.batch_size, e * pools + pool, training=True
            )
            yield from batches.epoch(self.rows.seed, skipped)
            skipped = 0
