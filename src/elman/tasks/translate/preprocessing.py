"""What a translator learns from its pairs before the weights: the vocabularies of both sides."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field

from elman.data import Scripts, Vocabulary, build_vocabulary, mismatch
from elman.tasks.schema import SavedConfig
from elman.tasks.start import check_characters
from elman.tasks.storage import Saved
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.text_side import TextSide, normal

SOURCE, TARGET = "source_vocabulary.json", "target_vocabulary.json"
_LONGEST_SHARE = 0.999  # of the pairs, whose ratio of lengths bounds that of translations
_MUCH_LONGER = 3  # times the longest training source
_MORE_TOKENS = 10  # that a translation may have beyond that ratio


class TranslateConfig(SavedConfig):
    """What the configuration of a saved translator must hold."""

    length_ratio: float = Field(ge=1, le=10_000)
    joint: bool
    longest: int = Field(ge=1)
    source_scripts: dict[str, float] = Field(max_length=1000)
    target_scripts: dict[str, float] = Field(max_length=1000)


@dataclass(frozen=True, eq=False)
class TranslatePreprocessing:
    """Both sides' texts to ids, and how long translations may be.

    `source` and `target` are one and the same where the vocabulary is joint. `length_ratio`: the
    target tokens a source token, of all but a thousandth of the training pairs at most. `longest`:
    tokens of the longest training source. `scripts`: of the training sources and targets.
    """

    source: TextSide
    target: TextSide
    length_ratio: float = 2.0
    longest: int = 1
    scripts: tuple[Scripts, Scripts] = (Scripts({}), Scripts({}))

    @property
    def joint(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source is self.target

    @classmethod
    def learn(cls, train: TranslateData, settings: TranslateSettings, start: Self | None) -> Self:
        """From the pairs to train on, or that of the model to start from."""
        pairs = train.training_pairs
        sides = pairs.sources, pairs.targets or []
        if start is not None:
            for side, texts in zip((start.source, start.target), sides, strict=True):
                check_characters(side.vocabulary, texts, is_limited=True)
            return start
        form, chinese = settings.normalisation, settings.chinese
        texts_of_sides = [[normal(text, form, chinese) for text in texts] for texts in sides]
        one, other = texts_of_sides
        groups = [[*one, *other]] if settings.joint_vocabulary else texts_of_sides
        vocabularies = [
            build_vocabulary(
                settings.tokens,
                texts,
                size=settings.vocabulary_size,
                min_count=_least_count(settings),
                lowercase=settings.lowercase,
            )
            for texts in groups
        ]
        source = TextSide(vocabularies[0], form, chinese)
        target = source if settings.joint_vocabulary else TextSide(vocabularies[1], form, chinese)
        lengths = [
            np.array([len(ids) for ids in side.encode(texts)], float)
            for side, texts in zip((source, target), sides, strict=True)
        ]
        ratio = float(np.quantile(lengths[1] / lengths[0], _LONGEST_SHARE))
        scripts = Scripts.of(train.sources), Scripts.of(train.targets)
        return cls(source, target, round(max(1.0, ratio), 3), int(lengths[0].max()), scripts)

    def check_direction(self, data: TranslateData) -> None:
        """Warn where most sources are in another script than those of training."""
        own, others = self.scripts
        if problem := mismatch(own, data.sources, others):
            warnings.warn(problem, stacklevel=4)

    def check_lengths(self, data: TranslateData) -> None:
        """Warn of sources that are much longer than all of training."""
        lengths = [len(ids) for ids in self.source.encode(data.sources)]
        long = [i for i, length in enumerate(lengths) if length > _MUCH_LONGER * self.longest]
        if long:
            warnings.warn(
                f"{len(long):,} of {len(data):,} texts are much longer than any of training"
                f" ({self.longest:,} tokens), as {data.pairs.names[long[0]]} of"
                f" {lengths[long[0]]:,}: their translations may break off or repeat themselves;"
                " cut them into sentences",
                stacklevel=4,
            )

    def max_length(self, source_length: int) -> int:
        """The most tokens of a translation of so many source tokens."""
        return int(self.length_ratio * source_length) + _MORE_TOKENS

    def to_config(self) -> dict[str, Any]:
        """The ratio of lengths, and whether there is one vocabulary."""
        source, target = self.scripts
        return {
            "length_ratio": self.length_ratio,
            "joint": self.joint,
            "longest": self.longest,
            "source_scripts": source.shares,
            "target_scripts": target.shares,
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The vocabularies, or the one."""
        found = {SOURCE: self.source.vocabulary.save}
        return found if self.joint else {**found, TARGET: self.target.vocabulary.save}

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:
        """From a model's folder."""
        form, chinese = settings.normalisation, settings.chinese
        source = TextSide(Vocabulary.load(saved.asset(SOURCE)), form, chinese)
        target = source
        if not saved.config["joint"]:
            target = TextSide(Vocabulary.load(saved.asset(TARGET)), form, chinese)
        config = saved.config
        scripts = Scripts(config["source_scripts"]), Scripts(config["target_scripts"])
        return cls(source, target, config["length_ratio"], config["longest"], scripts)


def _least_count(settings: TranslateSettings) -> int:
    """How often a token must occur: words and characters of one pair alone stay unknown, so that
    the model learns what to do with unknown ones."""
    if settings.tokens == "bpe":
        return 1
    return 3 if settings.joint_vocabulary else 2
