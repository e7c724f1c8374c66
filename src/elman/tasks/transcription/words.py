"""The alphabet of transcripts, and the n-gram model of words that weighs texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elman.decode.alphabet import Alphabet
from elman.decode.arpa import read_arpa
from elman.decode.ngram import BEGIN, END, UNKNOWN, NGram
from elman.errors import DataError, SettingsError


@dataclass(frozen=True, eq=False)
class TextModel:
    """What is known of the texts that a network writes.

    - `alphabet`: the characters.
    - `words`: an n-gram model of words, if texts are weighed by one.
    - `lm_weight`, `word_bonus`: of the beam search; None before they are found on held-out data.
    """

    alphabet: Alphabet
    words: NGram | None = None
    lm_weight: float | None = None
    word_bonus: float | None = None


def alphabet_of(texts: Iterable[str], start: Alphabet | None) -> Alphabet:
    """The alphabet of transcripts, or that of the model to start from; DataError names characters
    that it lacks."""
    texts = list(texts)
    if start is None:
        return Alphabet.build(texts)
    if lacking := start.lacks("".join(texts)):
        raise DataError(
            f"start_from: transcripts have {', '.join(map(repr, lacking[:20]))}, not in the"
            f" saved model's alphabet {start.characters!r:.80}"
        )
    return start


def words_for(alphabet: Alphabet, lm: NGram | Path | str) -> NGram:
    """An n-gram model of words, read from an ARPA file if need be; SettingsError if the alphabet
    cannot write any of its words."""
    model = lm if isinstance(lm, NGram) else read_arpa(lm)
    words = lexicon(model)
    if alphabet.space is None:
        raise SettingsError("lm: a model of words needs an alphabet with a space")
    if all(alphabet.lacks(word) for word in words):
        shown = ", ".join(words[:3])
        raise SettingsError(
            f"lm: none of the {len(words)} words ({shown:.60}, ...) can be written with the"
            f" characters {alphabet.characters!r:.80}; is their case another?"
        )
    return model


def lexicon(words: NGram) -> list[str]:
    """The words that an n-gram model knows, sorted."""
    return sorted(words.words - {BEGIN, END, UNKNOWN})
