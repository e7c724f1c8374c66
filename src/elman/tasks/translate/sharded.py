"""Pairs in shards, of which a sample is in memory."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from elman.data import Pairs
from elman.data.pairs.pairs import hash_share, text_key
from elman.data.shards.manifest import Pair
from elman.data.shards.read import Shards
from elman.errors import DataError, SettingsError
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.settings import TranslateSettings

SAMPLE = 100_000  # pairs


def read_shards(shards: Shards, settings: TranslateSettings) -> TranslateData:
    """Shards as data to train on, with a sample of them to learn all else from."""
    if settings.monolingual is not None:
        raise SettingsError("monolingual: pairs in shards are trained on alone")
    part = shards.part(settings.seed)
    sample, _ = part.look(SAMPLE)
    return TranslateData(pairs_of(sample), shards=part)


def split_shards(
    data: TranslateData, share: float, most: int
) -> tuple[TranslateData, TranslateData]:
    """The data without about a share of the pairs, and those, about `most` at most.

    No source text is in both: which are held out is drawn by the hash of the text and the seed.
    """
    part = data.shards
    assert part is not None
    share = min(share, most / len(part))

    def is_out(source: str) -> bool:
        return hash_share(f"{part.seed}:{text_key(source)}") < share

    held_out: list[Pair] = []
    left_out = {}
    for number in range(len(part.shards.manifest.files)):
        rows = part.shards.shard(number)
        places = [place for place, row in enumerate(rows) if is_out(row.source)]
        if places:
            held_out += [rows[place] for place in places]
            left_out[number] = np.array(places)
    sample = [i for i, source in enumerate(data.sources) if not is_out(source)]
    if not held_out or not sample:
        raise DataError(
            f"{part.shards}: so few different source texts cannot hold out a share of {share:.2g}"
        )
    rest = replace(part, left_out=left_out)
    train = replace(data, pairs=data.pairs.select(sample), shards=rest)
    return train, TranslateData(pairs_of(held_out))


def pairs_of(rows: Sequence[Pair]) -> Pairs:
    """Rows as pairs."""
    weights = [row.weight for row in rows]
    return Pairs(
        [row.source for row in rows],
        [row.target for row in rows],
        [row.name for row in rows],
        weights if any(weight != 1 for weight in weights) else None,
    )
