"""What a decoder answers: texts with scores, words with times and confidences."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from elman.decode.alphabet import Alphabet


@dataclass(frozen=True)
class Word:
    """A word, when it was spoken (seconds from the beginning) and how sure the network was.

    `confidence` is from 0 to 1. Greedy decoding gives the geometric mean over the word's characters
    of the highest probability that the network gave each while it was spoken; a beam, the geometric
    mean of that and the share of its probability that is on texts with this word in this place.
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


class Written:
    """The settled beginning of a text: its whole words, and the characters of the one after.

    **Arguments:** `alphabet`; `frame_seconds`, the time from one frame to the next; `power`, to
    which the network's probability is raised for a word's confidence.

    **Attributes:** `words_held`, the whole words, and `spans_held`, the characters after them.
    """

    def __init__(self, alphabet: Alphabet, frame_seconds: float, *, power: float = 1.0) -> None:
        self.alphabet = alphabet
        self.frame_seconds = frame_seconds
        self.power = power
        self.words_held: list[Word] = []
        self.spans_held: list[Span] = []

    def add(self, spans: Iterable[Span]) -> None:
        """Write on."""
        space = self.alphabet.space
        for span in spans:
            if span.id == space:
                self.words_held += self._word(self.spans_held)
                self.spans_held = []
            elif space is None:
                self.words_held += self._word([span])
            else:
                self.spans_held.append(span)

    def text(self, ids: Iterable[int] = ()) -> str:
        """The text so far and what `ids` add; no space at its ends and no two in a row."""
        rest = self.alphabet.decode([*(span.id for span in self.spans_held), *ids])
        if self.alphabet.space is None:
            return text_of(self.words_held, self.alphabet) + rest
        return " ".join([*(word.text for word in self.words_held), *rest.split()])

    def rest(self, ids: Iterable[int]) -> list[str]:
        """The words that `ids` make with the characters of the word that is not whole."""
        text = self.alphabet.decode([*(span.id for span in self.spans_held), *ids])
        return list(text) if self.alphabet.space is None else text.split()

    def words(self, spans: Iterable[Span] = ()) -> tuple[Word, ...]:
        """The words so far and what `spans` add, to the last character."""
        whole = Written(self.alphabet, self.frame_seconds, power=self.power)
        whole.add([*self.spans_held, *spans])
        return (*self.words_held, *whole.words_held, *self._word(whole.spans_held))

    def take(self) -> list[Word]:
        """The whole words, which are forgotten."""
        words, self.words_held = self.words_held, []
        return words

    def _word(self, spans: Sequence[Span]) -> list[Word]:
        if not spans:
            return []
        return [
            Word(
                self.alphabet.decode(span.id for span in spans),
                round(spans[0].first * self.frame_seconds, 6),
                round(spans[-1].end * self.frame_seconds, 6),
                math.exp(self.power * sum(span.log_prob for span in spans) / len(spans)),
            )
        ]


def text_of(words: Iterable[Word], alphabet: Alphabet) -> str:
    """The words as one text."""
    return ("" if alphabet.space is None else " ").join(word.text for word in words)
