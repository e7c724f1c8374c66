"""What a language model learns from its text before the weights: the vocabulary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

from elman.baselines.kneser_ney import KneserNey
from elman.data import Vocabulary, build_vocabulary
from elman.tasks.language.dataset import LanguageText
from elman.tasks.language.ngram_model import NGRAMS, load, save
from elman.tasks.language.settings import LanguageSettings
from elman.tasks.start import check_characters
from elman.tasks.storage import Saved

VOCABULARY = "vocabulary.json"
_BLOCKS_OF_PIECES = {"bpe": 100, "unigram": 10}  # enough to learn from: 25, 2.5 million characters


@dataclass(frozen=True, eq=False)
class LanguagePreprocessing:
    """From text to token ids and back: the `vocabulary`; and `ngrams` beside the network."""

    vocabulary: Vocabulary
    ngrams: KneserNey | None = None

    @classmethod
    def learn(cls, train: LanguageText, settings: LanguageSettings, start: Self | None) -> Self:
        """Of the whole text, or that of the model to start from, which must know its characters."""
        kind, size = settings.tokens, settings.vocabulary_size
        blocks = islice(train.blocks(), _BLOCKS_OF_PIECES.get(kind))
        if start is None:
            return cls(build_vocabulary(kind, blocks, size=size, lowercase=settings.lowercase))
        check_characters(start.vocabulary, blocks, is_limited=size is not None)
        return cls(start.vocabulary)

    def with_ngrams(self, train: LanguageText, settings: LanguageSettings) -> Self:
        """With an n-gram model of the training tokens, if the settings ask for one."""
        if not settings.ngram_model:
            return self
        tokens = train.tokens(self.vocabulary)
        return replace(self, ngrams=KneserNey.learn(tokens, size=self.vocabulary.size))

    def to_config(self) -> dict[str, Any]:
        """Nothing: all is in the vocabulary's file."""
        return {}

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The vocabulary, and the n-grams."""
        found = {VOCABULARY: self.vocabulary.save}
        ngrams = self.ngrams
        return found if ngrams is None else {**found, NGRAMS: lambda path: save(ngrams, path)}

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:
        """From a model's folder."""
        vocabulary = Vocabulary.load(saved.asset(VOCABULARY))
        if not settings.ngram_model:
            return cls(vocabulary)
        return cls(vocabulary, load(saved.asset(NGRAMS), vocabulary.size))
