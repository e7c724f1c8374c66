"""Which decoder a recogniser's settings and a caller's options ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.arguments import check_number, listed
from elman.data.values import shown
from elman.decode.alphabet import Alphabet
from elman.decode.ctc_beam import LM_WEIGHT, CTCBeam
from elman.decode.ctc_greedy import CTCGreedy, check_count
from elman.decode.fusion import CharacterModel
from elman.decode.hypothesis import Hypothesis
from elman.decode.ngram import NGram
from elman.decode.scorers import Scorer
from elman.decode.transducer_search import TransducerBeam, TransducerGreedy
from elman.errors import SettingsError
from elman.tasks.language import Language
from elman.tasks.start import weights_hash
from elman.tasks.transcription.transducer_head import ReadingHead
from elman.tasks.transcription.words import lexicon, words_for

Array: TypeAlias = NDArray[np.float32]
Decoder: TypeAlias = CTCGreedy | CTCBeam | TransducerGreedy | TransducerBeam


@dataclass(frozen=True)
class DecodeOptions:
    """What a caller may ask of decoding; `Speech.transcribe` says what each is."""

    n: int = 1
    hot_words: Sequence[str] = ()
    language: Language | None = None
    language_weight: float = 0.3
    lm: NGram | Path | str | None = None
    lm_weight: float | None = None
    pause: float | None = None

    def __post_init__(self) -> None:
        check_count("n", self.n)
        object.__setattr__(
            self, "hot_words", tuple(listed(self.hot_words, "hot_words", str, "words"))
        )
        if self.language is not None and not isinstance(self.language, Language):
            kind = type(self.language).__name__
            raise SettingsError(f"language must be a trained Language, not a {kind}")
        check_number("language_weight", self.language_weight)
        if self.lm_weight is not None:
            check_number("lm_weight", self.lm_weight, 0, 100)
        pause = self.pause
        if pause is not None and not (isinstance(pause, int | float) and 0 < pause < 1e6):
            raise SettingsError(f"pause={shown(pause)}: seconds of silence are needed, or None")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """From keywords; SettingsError names one that there is not."""
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in options if name not in known]:
            raise SettingsError(f"there is no option {unknown[0]}; there are {', '.join(known)}")
        return cls(**options)

    @property
    def weighs(self) -> bool:
        """Whether there is something to weigh texts by."""
        return bool(self.hot_words) or self.language is not None or self.lm is not None

    def identity(self, words: NGram | None) -> dict[str, Any]:
        """What texts depend on besides the recogniser, in JSON's types; `words` weigh them."""
        return {
            "hot_words": list(self.hot_words),
            "language": None if self.language is None else weights_hash(self.language),
            "language_weight": self.language_weight,
            "lm": None if words is None else words.sha256,
            "lm_weight": self.lm_weight,
        }

    def silence(self, step_seconds: float) -> int | None:
        """Steps without a character that end a segment."""
        return None if self.pause is None else max(1, round(self.pause / step_seconds))


class SearchSettings(Protocol):
    """What the settings of a recogniser say of its search."""

    beam: int
    lexicon: bool
    lm_weight: float | None
    word_bonus: float | None

    @property
    def step_seconds(self) -> float:
        """Time from one step of the network to the next."""


class Known(Protocol):
    """What a recogniser's preprocessing knows of texts; the weights once they are found."""

    @property
    def alphabet(self) -> Alphabet:
        """The characters."""

    @property
    def words(self) -> NGram | None:
        """The model of words."""

    @property
    def lm_weight(self) -> float | None:
        """How much the model of words counts."""

    @property
    def word_bonus(self) -> float | None:
        """What is added for each word."""


@dataclass(frozen=True)
class Decoding:
    """What all decoders of a recogniser share; `reader` is the head of a transducer."""

    settings: SearchSettings
    known: Known
    reader: ReadingHead | None = None

    def greedy(self) -> Decoder:
        """The quickest, which weighs nothing."""
        alphabet, seconds = self.known.alphabet, self.settings.step_seconds
        if self.reader is not None:
            return TransducerGreedy(alphabet, self.reader, frame_seconds=seconds)
        return CTCGreedy(alphabet, frame_seconds=seconds)

    def beam(
        self, lm_weight: float, word_bonus: float, options: DecodeOptions | None = None
    ) -> Decoder:
        """A beam search that weighs words, hot words and a language model."""
        options = options or DecodeOptions()
        alphabet, own = self.known.alphabet, self.known.words
        more: list[Scorer[Any]] = []
        if options.language is not None:
            weight = options.language_weight
            more.append(CharacterModel(alphabet, options.language, weight=weight))
        words = own if alphabet.space is not None else None
        if options.lm is not None:
            words = words_for(alphabet, options.lm)
            lm_weight = lm_weight if own is not None and lm_weight > 0 else LM_WEIGHT
        if options.lm_weight is not None:
            lm_weight = options.lm_weight
        search = CTCBeam(
            alphabet,
            width=self.settings.beam,
            lm=words,
            lm_weight=lm_weight,
            word_bonus=word_bonus,
            lexicon=lexicon(words) if self.settings.lexicon and words is not None else None,
            hot_words=options.hot_words,
            scorers=more,
            frame_seconds=self.settings.step_seconds,
        )
        if self.reader is None:
            return search
        return TransducerBeam(
            alphabet,
            self.reader,
            width=search.width,
            scorers=search.scorers,
            frame_seconds=search.frame_seconds,
        )

    def best(self, options: DecodeOptions) -> Decoder:
        """The one that the settings ask for; greedy as long as nothing is known of the weights."""
        weight, bonus = self.known.lm_weight, self.known.word_bonus
        if self.settings.beam > 1 and weight is not None and bonus is not None:
            return self.beam(weight, bonus, options)
        if options.weighs:
            raise SettingsError("hot words and a language model need a beam wider than 1")
        return self.greedy()


def decoded(decoder: Decoder, scores: Array, n: int = 1) -> list[Hypothesis]:
    """The n best of an utterance's scores, (steps, V), or of a transducer's steps, (steps, J)."""
    state: Any = decoder.start()
    state.advance(taken(decoder, scores))
    best: list[Hypothesis] = state.best(n)
    return best


def taken(decoder: Decoder, scores: Array) -> Any:
    """Steps in the form that the decoder takes: an array of CTC's, a tensor of a transducer's."""
    if isinstance(decoder, (TransducerGreedy, TransducerBeam)):
        return torch.from_numpy(scores)
    return scores
