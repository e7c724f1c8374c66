"""A classifier's batches: padded, of examples in memory or of shards that are read on the way."""

from dataclasses import replace

from elman.data.shards.manifest import Row
from elman.tasks.batches import PaddedBatches
from elman.tasks.classify.dataset import ClassifyData
from elman.tasks.classify.preprocessing import ClassifyPreprocessing
from elman.tasks.classify.sharded import examples_of
from elman.tasks.streamed import StreamedBatches

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


def streamed(
    preprocessing: ClassifyPreprocessing, data: ClassifyData, batch_size: int
) -> StreamedBatches:
    """The same to train on, of data in shards."""
    rows = data.shards
    assert rows is not None

    def padded_rows(some: list[Row], count: int) -> PaddedBatches:  # noqa: ARG001
        part = replace(data, examples=examples_of(some, str(rows.shards)), shards=None)
        return padded(preprocessing, part, batch_size, rows.seed, training=True)

    return StreamedBatches(rows, batch_size, _POOL, padded_rows)
