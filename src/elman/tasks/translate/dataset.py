"""What a translator reads: pairs of texts, or texts to translate."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from elman.data import Pairs, check_pairs, read_pairs
from elman.data.shards.read import ShardsPart
from elman.tasks.streamed import by_sample
from elman.tasks.translate.settings import TranslateSettings


@dataclass(frozen=True, eq=False)
class TranslateData:
    """Pairs, or sources alone.

    - `notes`: what the check of them found; `left_out_kinds`: how many of which kind it dropped.
    - `synthetic`: pairs to train on besides, whose sources are translations of their targets.
    - `shards`: of which the pairs are a sample.
    """

    pairs: Pairs
    notes: list[str] = field(default_factory=list)
    left_out_kinds: Mapping[str, int] = field(default_factory=dict)
    synthetic: Pairs | None = None
    shards: ShardsPart | None = None

    @property
    def count(self) -> int:
        """The pairs there are, in memory or in shards, without the synthetic ones."""
        return len(self.pairs) if self.shards is None else len(self.shards)

    @property
    def sha256(self) -> str:
        """A hash of all that is trained on."""
        known = self.shards
        return self.training_pairs.sha256 if known is None else known.shards.manifest.sha256

    @property
    def chosen(self) -> dict[str, str]:
        """What was found by a sample of the pairs alone, as a fact."""
        if self.shards is None:
            return {}
        return by_sample("settings, vocabulary and baselines", len(self), self.count, "pairs")

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def left_out(self) -> Mapping[int, str]:
        """Position in the source -> why the text there cannot be read."""
        return self.pairs.left_out

    @property
    def sources(self) -> list[str]:
        """The texts to translate."""
        return self.pairs.sources

    @property
    def targets(self) -> list[str]:
        """Their translations."""
        return self.pairs.targets or []

    @property
    def training_pairs(self) -> Pairs:
        """The pairs and the synthetic ones, each of its weight."""
        if self.synthetic is None:
            return self.pairs
        parts = self.pairs, self.synthetic
        return Pairs(
            [text for part in parts for text in part.sources],
            [text for part in parts for text in part.targets or ()],
            [name for part in parts for name in part.names],
            [weight for part in parts for weight in part.weights or [1.0] * len(part)],
        )

    def shown(self, number: int) -> str:
        """A source text."""
        return self.pairs.sources[number]

    def split(self, share: float, most: int, seed: int) -> "tuple[TranslateData, TranslateData]":
        """Two parts, the second of about a `share`, `most` pairs at most; no source is in both."""
        share = min(share, most / len(self.pairs))
        first, second = self.pairs.split(share, seed)
        return replace(self, pairs=first), TranslateData(second)


def read_data(data: Any, settings: TranslateSettings, *, labelled: bool) -> TranslateData:
    """The data of a translator; of `labelled` data each source has its target."""
    pairs = read_pairs(
        data,
        source=settings.source,
        target=settings.target if labelled else None,
        labelled=labelled,
        **settings.text_file,
    )
    return TranslateData(pairs)


def cleaned(data: TranslateData, settings: TranslateSettings) -> TranslateData:
    """The pairs to train on, after a check: without those that harm, or with a warning of them."""
    check = check_pairs(data.pairs)
    if not check.problems:
        return data
    if settings.clean:
        kinds = {each.kind for each in check.problems if each.is_harmful}
        dropped = {kind: count for kind, count in check.counts.items() if kind in kinds}
        pairs = check.clean(data.pairs)
        return replace(data, pairs=pairs, notes=[check.summary()], left_out_kinds=dropped)
    harmful = [each for each in check.problems if each.is_harmful]
    if harmful:
        counts = ", ".join(f"{n:,} {kind}" for kind, n in check.counts.items())
        first = harmful[0]
        warnings.warn(
            f"pairs that may harm training are kept: {counts}, as {first.name}: {first.text};"
            " clean=True drops them",
            stacklevel=2,
        )
    return replace(data, notes=[check.summary()])
