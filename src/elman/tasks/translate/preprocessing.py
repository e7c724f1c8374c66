"""What a translator learns from its pairs before the weights: the vocabularies of both sides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from elman.data import Vocabulary, build_vocabulary
from elman.errors import ModelError
from elman.tasks.schema import SavedConfig
from elman.tasks.start import check_characters
from elman.tasks.storage import Saved
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.text_side import TextSide, normalised

SOURCE, TARGET = "source_vocabulary.json", "target_vocabulary.json"
_LONGEST_SHARE = 0.999  # of the pairs, whose ratio of lengths bounds that of translations
_MORE_TOKENS = 10  # that a translation may have beyond that ratio


class TranslateConfig(SavedConfig):
    """What the configuration of a saved translator must hold."""

    length_ratio: float
    joint: bool


@dataclass(frozen=True, eq=False)
class TranslatePreprocessing:
    """Both sides' texts to ids, and how long translations may be.

    `source` and `target` are one and the same where the vocabulary is joint. `length_ratio`: the
    target tokens a source token, of all but a thousandth of the training pairs at most.
    """

    source: TextSide
    target: TextSide
    length_ratio: float = 2.0

    @property
    def joint(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source is self.target

    @classmethod
    def learn(cls, train: TranslateData, settings: TranslateSettings, start: Self | None) -> Self:
        """From the pairs to train on, or that of the model to start from."""
        sides = train.sources, train.targets
        if start is not None:
            for side, texts in zip((start.source, start.target), sides, strict=True):
                check_characters(side.vocabulary, texts, is_limited=True)
            return start
        form, chinese = settings.normalisation, settings.chinese
        normal = [[normalised(text, form, chinese) for text in texts] for texts in sides]
        groups = [[*normal[0], *normal[1]]] if settings.joint_vocabulary else normal
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
        return cls(source, target, round(max(1.0, ratio), 3))

    def max_length(self, source_length: int) -> int:
        """The most tokens of a translation of so many source tokens."""
        return int(self.length_ratio * source_length) + _MORE_TOKENS

    def to_config(self) -> dict[str, Any]:
        """The ratio of lengths, and whether there is one vocabulary."""
        return {"length_ratio": self.length_ratio, "joint": self.joint}

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
        ratio = saved.config["length_ratio"]
        if not 1 <= ratio <= 1e4:
            raise ModelError(f"length_ratio={ratio} is not from 1 to 10,000")
        return cls(source, target, ratio)


def _least_count(settings: TranslateSettings) -> int:
    """How often a token must occur: what occurs once among words or characters stays unknown, so
    that the model learns what an unknown one looks like."""
    return 1 if settings.tokens == "bpe" else 2
