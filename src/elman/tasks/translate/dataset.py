"""What a translator reads: pairs of texts, or texts to translate."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from elman.data import Pairs, check_pairs, read_pairs
from elman.tasks.translate.settings import TranslateSettings


@dataclass(frozen=True, eq=False)
class TranslateData:
    """Pairs, or sources alone; `notes` say what was left out of them."""

    pairs: Pairs
    notes: list[str] = field(default_factory=list)

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

    def shown(self, number: int) -> str:
        """A source text."""
        return self.pairs.sources[number]

    def split(self, share: float, most: int, seed: int) -> tuple[Self, Self]:
        """Two parts, the second of about a `share`, `most` pairs at most; no source is in both."""
        share = min(share, most / len(self.pairs))
        first, second = self.pairs.split(share, seed)
        return replace(self, pairs=first), replace(self, pairs=second, notes=[])


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


def cleaned(data: TranslateData, *, clean: bool) -> TranslateData:
    """The pairs to train on, after a check: without those that harm, or with a warning of them."""
    check = check_pairs(data.pairs)
    if not check.problems:
        return data
    if clean:
        return TranslateData(check.clean(data.pairs), [check.summary()])
    harmful = [each for each in check.problems if each.is_harmful]
    if harmful:
        counts = ", ".join(f"{n:,} {kind}" for kind, n in check.counts.items())
        first = harmful[0]
        warnings.warn(
            f"pairs that may harm training are kept: {counts}, as {first.name}: {first.text};"
            " clean=True drops them",
            stacklevel=2,
        )
    return TranslateData(data.pairs, [check.summary()])
