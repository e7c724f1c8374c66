"""Utterances in shards: what was said in all of them is in memory, the sound of a sample."""

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from elman.data import Utterance, Utterances, check_utterances
from elman.data.shards.read import Shards, ShardsPart
from elman.data.sound.utterance import split_places
from elman.errors import DataError
from elman.progress import counted

SAMPLE = 1000  # utterances


class Entry(NamedTuple):
    """An utterance but for its sound, by the numbers of its shard and of its row there."""

    shard: int
    row: int
    text: str
    seconds: float
    speaker: str


@dataclass(frozen=True, eq=False)
class SpeechShards:
    """The utterances in shards that can be learnt from; `sample`: the places of some of them."""

    shards: Shards
    seed: int
    entries: tuple[Entry, ...]
    sample: tuple[int, ...] = ()

    @property
    def sha256(self) -> str:
        """That of the shards."""
        return self.shards.manifest.sha256

    @cached_property
    def texts(self) -> list[str]:
        """What was said in each."""
        return [entry.text for entry in self.entries]

    @cached_property
    def seconds(self) -> list[float]:
        """How long each lasts."""
        return [entry.seconds for entry in self.entries]

    @cached_property
    def part(self) -> ShardsPart:
        """Their rows, as training reads them."""
        kept: dict[int, list[int]] = {}
        for entry in self.entries:
            kept.setdefault(entry.shard, []).append(entry.row)
        left_out = {}
        for number, file in enumerate(self.shards.manifest.files):
            rows = np.setdiff1d(np.arange(file.rows), kept.get(number, []))
            if len(rows):
                left_out[number] = rows
        return self.shards.part(self.seed, left_out=left_out)

    def split(self, share: float) -> tuple["SpeechShards", list[int], list[int]]:
        """Those that are not held out, which of the sample are among them, and the places of those
        that are, about a share and at most as many as the sample; see `split_places`."""
        share = min(share, SAMPLE / len(self.entries))
        speakers = [entry.speaker for entry in self.entries]
        first, second = split_places(speakers, share, self.seed)
        now = {place: i for i, place in enumerate(first)}
        kept = [number for number, place in enumerate(self.sample) if place in now]
        sample = tuple(now[self.sample[number]] for number in kept)
        entries = tuple(self.entries[place] for place in first)
        train = SpeechShards(self.shards, self.seed, entries, sample)
        return train, kept, second[:: -(-len(second) // SAMPLE)]

    def utterances(self, places: Iterable[int]) -> Utterances:
        """Some of them with their sound, in the order of the shards."""
        wanted: dict[int, list[int]] = {}
        for place in places:
            shard, row = self.entries[place][:2]
            wanted.setdefault(shard, []).append(row)
        found: list[Utterance] = []
        for shard, rows in sorted(wanted.items()):
            held = self.shards.shard(shard)
            found += [held[row] for row in sorted(rows)]
        return Utterances(found)


def read_shards(
    shards: Shards, seed: int, step_seconds: float, characters: str | None
) -> tuple[SpeechShards, Utterances]:
    """The utterances that can be learnt from, and a sample of them, which is spread over all
    shards; a warning says how many are left out. See `check_utterances`."""
    entries: list[Entry] = []
    sample: dict[int, Utterance] = {}
    problems: Counter[str] = Counter()
    first = ""
    every = max(1, len(shards) // SAMPLE)
    numbers = range(len(shards.manifest.files))
    for shard in counted(numbers, len(numbers)):
        utterances = Utterances(shards.shard(shard))
        found = check_utterances(utterances, characters=characters, step_seconds=step_seconds)
        fatal = {each.index: each for each in found.problems if each.is_fatal}
        for row, each in enumerate(utterances):
            if (problem := fatal.get(row)) is not None:
                problems[problem.kind] += 1
                first = first or f"{problem.name}: {problem.message}"
                continue
            if len(entries) % every == 0:
                sample[len(entries)] = each
            entries.append(Entry(shard, row, each.text or "", each.seconds, each.speaker))
    if not entries:
        raise DataError(f"{shards}: no utterance can be used; {first}")
    if problems:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in problems.most_common())
        warnings.warn(
            f"{shards}: {problems.total():,} of {len(shards):,} utterances are left out: {counts};"
            f" the first is {first}",
            stacklevel=4,
        )
    found_shards = SpeechShards(shards, seed, tuple(entries), tuple(sample))
    return found_shards, Utterances(sample.values())
