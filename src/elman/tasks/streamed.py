"""Batches of rows that are read from shards while one trains."""

import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from elman.data.shards.read import ShardsPart
from elman.train import Batches


class StreamedBatches:
    """Batches to train on, of the rows of shards as they are needed.

    The rows of some batches at a time, a pool, are in memory, and are put into batches together.
    What these hold depends on the seed and the epoch alone.

    **Arguments:**

    - `rows`: those to train on.
    - `batch_size`: rows of a batch, in the mean over a pool.
    - `pool`: batches of a pool.
    - `batches_of`: makes of a pool's rows that number of batches, whose epochs differ.
    """

    def __init__(
        self,
        rows: ShardsPart,
        batch_size: int,
        pool: int,
        batches_of: Callable[[list[Any], int], Batches[Any]],
    ) -> None:
        self.rows, self.batch_size, self.pool = rows, batch_size, pool
        self.batches_of = batches_of

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def epoch(self, e: int, start: int = 0) -> Iterator[Any]:
        """The batches of epoch `e`, from the one numbered `start`."""
        size, pools = self.pool * self.batch_size, -(-len(self) // self.pool)
        first, skipped = divmod(start, self.pool)
        rows = self.rows.epoch(e, first * size)
        for pool in range(first, pools):
            some = list(islice(rows, size))
            batches = self.batches_of(some, -(-len(some) // self.batch_size))
            yield from batches.epoch(e * pools + pool, skipped)
            skipped = 0


def by_sample(what: str, sample: int, count: int, unit: str) -> dict[str, str]:
    """The fact that something was found by so many of the examples in shards."""
    return {"chosen": f"{what} by a sample of {sample:,} of the {count:,} {unit} in shards"}


def warn_of_sample(sample: int, count: int, unit: str) -> None:
    """Warn where a model is measured by so many of the examples in shards."""
    if sample < count:
        warnings.warn(f"{sample:,} of the {count:,} {unit} in shards are measured", stacklevel=3)
