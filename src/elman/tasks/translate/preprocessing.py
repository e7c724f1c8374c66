"""What a translator learns from its pairs before the weights: the vocabularies of both sides."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from elman.data import Scripts, Vocabulary, build_vocabulary, mismatch
from elman.data.pairs.side_words import SideWords
from elman.data.text.vocabulary import PIECES, Kind
from elman.data.values import shown
from elman.tasks.schema import SavedConfig
from elman.tasks.start import check_characters
from elman.tasks.storage import Saved
from elman.tasks.streamed import warn_of_sample
from elman.tasks.translate import from_language
from elman.tasks.translate.dataset import TranslateData
from elman.tasks.translate.placeholders import KINDS, MOST, NOTHING, Placeholders
from elman.tasks.translate.placeholders import Kind as ValueKind
from elman.tasks.translate.settings import TranslateSettings
from elman.tasks.translate.text_side import TextSide, normal

SOURCE, TARGET = "source_vocabulary.json", "target_vocabulary.json"
IDs = NDArray[np.int64]
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
    source_words: list[str] = Field([], max_length=1000)
    target_words: list[str] = Field([], max_length=1000)
    placeholders: int = Field(0, ge=0, le=MOST)
    placeholder_kinds: list[ValueKind] = Field([], max_length=len(KINDS))


@dataclass(frozen=True, eq=False)
class TranslatePreprocessing:
    """Both sides' texts to ids, and how long translations may be.

    `source` and `target` are one and the same where the vocabulary is joint. `length_ratio`: the
    target tokens a source token, of all but a thousandth of the training pairs at most. `longest`:
    tokens of the longest training source. `scripts`: of the training sources and targets.
    `placeholders`: the values that are copied. `words`: that tell sources from targets.
    """

    source: TextSide
    target: TextSide
    length_ratio: float = 2.0
    longest: int = 1
    scripts: tuple[Scripts, Scripts] = (Scripts({}), Scripts({}))
    placeholders: Placeholders = NOTHING
    words: SideWords = field(default_factory=SideWords)

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
        taken = from_language.vocabularies(settings, (one, other))
        vocabularies = [
            given
            or build_vocabulary(
                kind,
                texts,
                size=settings.vocabulary_size,
                min_count=_least_count(kind, joint=settings.joint_vocabulary),
                lowercase=settings.lowercase,
            )
            for given, kind, texts in zip(taken, settings.kinds, groups, strict=False)
        ]
        copied = Placeholders.learn(one, other) if settings.placeholders else NOTHING
        source = TextSide(vocabularies[0], form, chinese, copied.count)
        target = source
        if not settings.joint_vocabulary:
            target = TextSide(vocabularies[1], form, chinese, copied.count)
        scripts = Scripts.of(train.sources), Scripts.of(train.targets)
        words = SideWords.of(train.sources, train.targets)
        known = cls(source, target, scripts=scripts, placeholders=copied, words=words)
        read, written = (
            np.array([len(ids) for ids in side], float) for side in known.training_ids(*sides)
        )
        ratio = float(np.quantile(written / read, _LONGEST_SHARE))
        return replace(known, length_ratio=round(max(1.0, ratio), 3), longest=int(read.max()))

    def source_text(self, text: str) -> tuple[str, list[str]]:
        """A source as it is encoded, with symbols of placeholders, and what they stand for."""
        return self.placeholders.source(self.source.normal(text))

    def target_text(self, text: str, values: Sequence[str]) -> str:
        """A target, or a part of one, as it is encoded beside a source with these values."""
        return self.placeholders.target(self.target.normal(text), values)

    def ids(
        self, sources: Sequence[str], targets: Sequence[str] = ()
    ) -> tuple[list[IDs], list[IDs]]:
        """The ids of sources to translate and of their targets, if there are any."""
        found = [self.source_text(text) for text in sources]
        written = [
            self.target_text(text, values)
            for text, (_, values) in zip(targets, found, strict=bool(targets))
        ]
        return self.source.encode([text for text, _ in found]), self.target.encode(written)

    def training_ids(
        self, sources: Sequence[str], targets: Sequence[str]
    ) -> tuple[list[IDs], list[IDs]]:
        """The ids of pairs to train on, placeholders where a value stands on both sides."""
        pairs = [
            self.placeholders.pair(self.source.normal(source), self.target.normal(target))
            for source, target in zip(sources, targets, strict=True)
        ]
        read = self.source.encode([source for source, _, _ in pairs])
        return read, self.target.encode([target for _, target, _ in pairs])

    def source_symbols(self, text: str) -> list[str]:
        """The text of each token of a source, but of the end."""
        text, values = self.source_text(text)
        return [self.placeholders.restored(each, values) for each in self.source.symbols(text)]

    def check(self, data: TranslateData) -> None:
        """Warn of sources that the model was not trained for, and of shards' sample."""
        if data.shards is not None:
            warn_of_sample(len(data), data.count, "pairs")
        if problem := self.wrong_direction(data) or self.strange_tokens(data):
            warnings.warn(problem, stacklevel=4)
        self.check_lengths(data)

    def wrong_direction(self, data: TranslateData) -> str | None:
        """What to say where most sources are in another script than those of training, or in the
        language of its targets."""
        own, others = self.scripts
        return mismatch(own, data.sources, others) or self.words.mismatch(data.sources)

    def strange_tokens(self, data: TranslateData) -> str | None:
        """What to say of sources of which most characters or words are unknown."""
        vocabulary = self.source.vocabulary
        if vocabulary.kind in PIECES:
            return None
        ids = [found[:-1] for found in self.ids(data.sources)[0]]
        strange = [
            i for i, each in enumerate(ids) if (each == vocabulary.unknown_id).sum() * 2 > len(each)
        ]
        if not strange:
            return None
        name, text = data.pairs.names[strange[0]], data.shown(strange[0])
        return (
            f"{len(strange):,} of {len(data):,} texts have mostly {vocabulary.kind} that the model"
            f" has never read, as {name}: {shown(text)}"
        )

    def check_lengths(self, data: TranslateData) -> None:
        """Warn of sources that are much longer than all of training."""
        lengths = [len(ids) for ids in self.ids(data.sources)[0]]
        long = [i for i, length in enumerate(lengths) if length > _MUCH_LONGER * self.longest]
        if long:
            warnings.warn(
                f"{len(long):,} of {len(data):,} texts are much longer than any of training"
                f" ({self.longest:,} tokens), as {data.pairs.names[long[0]]} of"
                f" {lengths[long[0]]:,}: their translations may end early or repeat themselves;"
                " split them into sentences",
                stacklevel=5,
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
            "source_words": list(self.words.source),
            "target_words": list(self.words.target),
            "placeholders": self.placeholders.count,
            "placeholder_kinds": list(self.placeholders.kinds),
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The vocabularies, or the one."""
        found = {SOURCE: self.source.vocabulary.save}
        return found if self.joint else {**found, TARGET: self.target.vocabulary.save}

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:
        """From a model's folder."""
        config, form = saved.config, (settings.normalisation, settings.chinese)
        copied = Placeholders(
            tuple(config.get("placeholder_kinds", ())), config.get("placeholders", 0)
        )
        source = TextSide(Vocabulary.load(saved.asset(SOURCE)), *form, copied.count)
        target = source
        if not config["joint"]:
            target = TextSide(Vocabulary.load(saved.asset(TARGET)), *form, copied.count)
        scripts = Scripts(config["source_scripts"]), Scripts(config["target_scripts"])
        words = SideWords(*(tuple(config.get(f"{s}_words", ())) for s in ("source", "target")))
        return cls(
            source, target, config["length_ratio"], config["longest"], scripts, copied, words
        )


def _least_count(kind: Kind, *, joint: bool) -> int:
    """How often a token must occur: words and characters of one pair alone stay unknown, so that
    the model learns what to do with unknown ones."""
    if kind in PIECES:
        return 1
    return 3 if joint else 2
