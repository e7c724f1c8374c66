"""Which decoder a recogniser's settings and a caller's wishes ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from elman.data.arguments import check_number, listed
from elman.decode.alphabet import Alphabet
from elman.decode.arpa import read_arpa
from elman.decode.ctc_beam import LM_WEIGHT, CTCBeam
from elman.decode.ctc_greedy import CTCGreedy
from elman.decode.fusion import CharacterModel
from elman.decode.ngram import BEGIN, END, UNKNOWN, NGram
from elman.decode.scorers import Scorer
from elman.decode.transducer_search import TransducerBeam, TransducerGreedy
from elman.errors import SettingsError
from elman.tasks.language import Language
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.speech.transducer_head import ReadingHead

if TYPE_CHECKING:
    from elman.decode.hypothesis import Hypothesis
    from elman.tasks.speech.frontend import Array

Decoder: TypeAlias = CTCGreedy | CTCBeam | TransducerGreedy | TransducerBeam


@dataclass(frozen=True)
class Wishes:
    """What a caller adds: hot words, an elman language model of characters with its weight, and
    an n-gram model of words, or its ARPA file, in place of the recogniser's own."""

    hot_words: Sequence[str] = ()
    language: Language | None = None
    language_weight: float = 0.3
    lm: NGram | Path | str | None = None
    lm_weight: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "hot_words", tuple(listed(self.hot_words, "hot_words", str, "words"))
        )
        if self.language is not None and not isinstance(self.language, Language):
            kind = type(self.language).__name__
            raise SettingsError(f"language must be a trained Language, not a {kind}")
        check_number("language_weight", self.language_weight)
        if self.lm_weight is not None:
            check_number("lm_weight", self.lm_weight, 0, 100)

    @property
    def any(self) -> bool:
        """Whether there is something to weigh."""
        return bool(self.hot_words) or self.language is not None or self.lm is not None


@dataclass(frozen=True)
class Decoding:
    """What all decoders of a recogniser share; `reader` is the head of a transducer."""

    settings: SpeechSettings
    alphabet: Alphabet
    words: NGram | None
    reader: ReadingHead | None

    def greedy(self) -> Decoder:
        """The quickest, which weighs nothing."""
        seconds = self.settings.step_seconds
        if self.reader is not None:
            return TransducerGreedy(self.alphabet, self.reader, frame_seconds=seconds)
        return CTCGreedy(self.alphabet, frame_seconds=seconds)

    def beam(self, lm_weight: float, word_bonus: float, wishes: Wishes | None = None) -> Decoder:
        """A beam search that weighs words, hot words and a language model."""
        wishes = wishes or Wishes()
        more: list[Scorer[Any]] = []
        if wishes.language is not None:
            weight = wishes.language_weight
            more.append(CharacterModel(self.alphabet, wishes.language, weight=weight))
        words = self.words if self.alphabet.space is not None else None
        if wishes.lm is not None:
            words = words_for(self.alphabet, wishes.lm)
            lm_weight = lm_weight if self.words is not None and lm_weight > 0 else LM_WEIGHT
        if wishes.lm_weight is not None:
            lm_weight = wishes.lm_weight
        closed = self.settings.lexicon and words is not None
        search = CTCBeam(
            self.alphabet,
            width=self.settings.beam,
            lm=words,
            lm_weight=lm_weight,
            word_bonus=word_bonus,
            lexicon=_lexicon(words) if closed and words is not None else None,
            hot_words=wishes.hot_words,
            scorers=more,
            frame_seconds=self.settings.step_seconds,
        )
        if self.reader is None:
            return search
        return TransducerBeam(
            self.alphabet,
            self.reader,
            width=search.width,
            scorers=search.scorers,
            frame_seconds=search.frame_seconds,
        )

    def best(self, lm_weight: float, word_bonus: float, wishes: Wishes) -> Decoder:
        """The one that the settings ask for."""
        if self.settings.beam > 1:
            return self.beam(lm_weight, word_bonus, wishes)
        if wishes.any:
            raise SettingsError("hot words and a language model need a beam wider than 1")
        return self.greedy()


def words_for(alphabet: Alphabet, lm: NGram | Path | str) -> NGram:
    """An n-gram model of words, read from an ARPA file if need be; SettingsError if the alphabet
    cannot write any of its words."""
    model = lm if isinstance(lm, NGram) else read_arpa(lm)
    words = list(_lexicon(model))
    if alphabet.space is None:
        raise SettingsError("lm: a model of words needs an alphabet with a space")
    if all(alphabet.lacks(word) for word in words):
        shown = ", ".join(words[:3])
        raise SettingsError(
            f"lm: none of the {len(words)} words ({shown:.60}, ...) can be written with the"
            f" characters {alphabet.characters!r:.80}; is their case another?"
        )
    return model


def decoded(decoder: Decoder, scores: "Array", n: int = 1) -> "list[Hypothesis]":
    """The n best of an utterance's scores, (steps, V), or of a transducer's steps, (steps, J)."""
    state: Any = decoder.start()
    state.advance(taken(decoder, scores))
    best: list[Hypothesis] = state.best(n)
    return best


def taken(decoder: Decoder, scores: "Array") -> Any:
    """Steps in the form that the decoder takes: an array of CTC's, a tensor of a transducer's."""
    if isinstance(decoder, (TransducerGreedy, TransducerBeam)):
        return torch.from_numpy(scores)
    return scores


def _lexicon(words: NGram) -> Iterable[str]:
    return sorted(words.words - {BEGIN, END, UNKNOWN})
