"""What a decoder answers: texts with scores, words with times and confidences."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from elman.tasks.speech.alphabet import Alphabet


@dataclass(frozen=True)
class Word:
    """A word, when it was spoken (seconds from the beginning) and how sure the network was.

    `confidence` is from 0 to 1: the geometric mean over the word's characters of the highest
    probability that the network gave each while it was spoken.
    """

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """A text that may have been said.

    `score` is its log probability (natural), weighted scores of language models included.
    """

    text: str
    score: float
    words: tuple[Word, ...]


class Span(NamedTuple):
    """A character's id, its first frame, the frame after its last, its highest log probability."""

    id: int
    first: int
    end: int
    log_prob: float


def words_of(
    spans: Sequence[Span], alphabet: Alphabet, frame_seconds: float
) -> tuple[list[Word], list[Span]]:
    """The whole words of characters, and the characters of the last word, which may go on."""
    words, word = [], list[Span]()
    for span in spans:
        if span.id == alphabet.space:
            words += _word(word, alphabet, frame_seconds)
            word = []
        else:
            if alphabet.space is None:
                words += _word(word, alphabet, frame_seconds)
                word = []
            word.append(span)
    return words, word


def all_words_of(
    spans: Sequence[Span], alphabet: Alphabet, frame_seconds: float
) -> tuple[Word, ...]:
    """The words of characters to the last."""
    words, rest = words_of(spans, alphabet, frame_seconds)
    return (*words, *_word(rest, alphabet, frame_seconds))


def _word(spans: Sequence[Span], alphabet: Alphabet, frame_seconds: float) -> list[Word]:
    if not spans:
        return []
    return [
        Word(
            alphabet.decode(span.id for span in spans),
            round(spans[0].first * frame_seconds, 6),
            round(spans[-1].end * frame_seconds, 6),
            math.exp(sum(span.log_prob for span in spans) / len(spans)),
        )
    ]


def text_of(words: Iterable[Word], alphabet: Alphabet) -> str:
    """The words as one text."""
    return ("" if alphabet.space is None else " ").join(word.text for word in words)
