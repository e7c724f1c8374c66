"""The most probable path of CTC, frame by frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import SettingsError
from elman.tasks.speech.alphabet import BLANK, Alphabet
from elman.tasks.speech.hypothesis import Hypothesis, Span, Word, all_words_of, text_of, words_of

Array = NDArray[Any]


class CTCGreedy:
    """Take each frame's most probable id, drop repetitions, then blanks (Graves et al. 2006).

    **Arguments:** `frame_seconds`: the time from one frame of the network's output to the next.

    >>> decoder = CTCGreedy(Alphabet("ab"), frame_seconds=0.04)
    >>> scores = np.log([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.1, 0.8, 0.1]])
    >>> decoder.decode(scores)[0].text
    'aa'
    """

    def __init__(self, alphabet: Alphabet, *, frame_seconds: float = 0.04) -> None:
        self.alphabet = alphabet
        self.frame_seconds = frame_seconds

    def start(self) -> "GreedyState":
        """The state before the first frame."""
        return GreedyState(self)

    def decode(self, log_probs: Array, n: int = 1) -> list[Hypothesis]:
        """The text of all frames, (T, V) log probabilities, in a list of one."""
        state = self.start()
        state.advance(log_probs)
        return state.best(n)


class GreedyState:
    """What greedy decoding has found so far; its memory does not grow with the frames."""

    def __init__(self, decoder: CTCGreedy) -> None:
        self.decoder = decoder
        self.frames = 0
        self._last = BLANK
        self._score = 0.0
        self._words: list[Word] = []
        self._spans: list[Span] = []

    def advance(self, log_probs: Array) -> None:
        """Take in the next frames: (t, V) log probabilities."""
        log_probs = check_frames(log_probs, self.decoder.alphabet)
        ids = log_probs.argmax(1)
        values = log_probs[np.arange(len(ids)), ids]
        self._score += float(values.sum())
        for id, value in zip(ids.tolist(), values.tolist(), strict=True):
            frame = self.frames
            if id == self._last and id != BLANK:
                last = self._spans[-1]
                self._spans[-1] = Span(id, last.first, frame + 1, max(last.log_prob, value))
            elif id != BLANK:
                self._spans.append(Span(id, frame, frame + 1, value))
            self._last = id
            self.frames = frame + 1
        if self._last == BLANK or self._last != self.decoder.alphabet.space:
            whole, self._spans = words_of(
                self._spans, self.decoder.alphabet, self.decoder.frame_seconds
            )
            self._words += whole

    @property
    def text(self) -> str:
        """The text so far."""
        return text_of(self._all(), self.decoder.alphabet)

    def best(self, n: int = 1, *, final: bool = True) -> list[Hypothesis]:  # noqa: ARG002
        """The one hypothesis of a greedy decoder, whatever `n` and `final` are."""
        words = self._all()
        return [Hypothesis(text_of(words, self.decoder.alphabet), self._score, words)]

    def take(self) -> list[Word]:
        """The words that nothing to come will change; the state forgets them."""
        words, self._words = self._words, []
        return words

    def _all(self) -> tuple[Word, ...]:
        rest = all_words_of(self._spans, self.decoder.alphabet, self.decoder.frame_seconds)
        return (*self._words, *rest)


def check_frames(log_probs: Array, alphabet: Alphabet) -> Array:
    """The frames as an array (t, V), or a SettingsError that says what is wrong with them."""
    log_probs = np.asarray(log_probs)
    if log_probs.ndim != 2 or log_probs.shape[1] != alphabet.size:
        raise SettingsError(
            f"log_probs must be (frames, {alphabet.size}), for the blank and"
            f" {alphabet.size - 1} characters, got {log_probs.shape}"
        )
    if np.isnan(log_probs).any() or (log_probs.max(initial=0.0) > 1e-3):
        raise SettingsError("log_probs must be log probabilities: none NaN, none above 0")
    return log_probs
