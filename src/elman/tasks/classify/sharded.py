"""Labelled texts in shards, of which a sample is in memory."""

from collections.abc import Sequence
from dataclasses import replace

from elman.data import Examples
from elman.data.shards.manifest import Row
from elman.data.shards.read import Shards, ShardsPart
from elman.errors import DataError
from elman.tasks.classify.dataset import ClassifyData

SAMPLE = 20_000  # examples


def read_shards(shards: Shards, seed: int) -> ClassifyData:
    """Shards as data to train on, with a sample of them to learn all else from."""
    known = shards.manifest
    part = shards.part(seed)
    sample, _ = part.look(SAMPLE)
    examples = examples_of(sample, str(shards))
    return ClassifyData(examples, None, list(known.labels), known.several, shards=part)


def split_shards(
    part: ShardsPart, data: ClassifyData, share: float
) -> tuple[ClassifyData, ClassifyData]:
    """The data without a share of each shard, and that share, at most as many as the sample."""
    shards = part.shards
    part = shards.part(part.seed, min(share, SAMPLE / len(shards)))
    sample, held_out = part.look(SAMPLE)
    if not held_out:
        raise DataError(f"{shards}: shards of so few examples cannot hold out a share of {share}")
    train = replace(data, examples=examples_of(sample, str(shards)), shards=part)
    return train, replace(data, examples=examples_of(held_out, str(shards)), shards=None)


def examples_of(rows: Sequence[Row], source: str) -> Examples:
    """Rows as examples."""
    labels = [row.labels if row.is_several else row.labels[0] for row in rows]
    return Examples([row.text for row in rows], labels, [source] * len(rows))  # type: ignore[arg-type]
