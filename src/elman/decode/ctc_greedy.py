"""The most probable path of CTC, frame by frame."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.values import shown
from elman.decode.alphabet import BLANK, Alphabet
from elman.decode.hypothesis import Hypothesis, Span, Word, Written
from elman.decode.saved_search import restore_spans, restore_written, save_spans, save_written
from elman.errors import SettingsError

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
        check_alphabet(alphabet)
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
    """What greedy decoding has found so far.

    **Attributes:** `frames`, how many it has taken in.
    """

    def __init__(self, decoder: CTCGreedy) -> None:
        self.frames = 0
        self._alphabet = decoder.alphabet
        self._written = Written(decoder.alphabet, decoder.frame_seconds)
        self._open: list[Span] = []  # the last character, as long as it is repeated
        self._score = 0.0

    def advance(self, log_probs: Array) -> None:
        """Take in the next frames: (t, V) log probabilities."""
        log_probs = check_frames(log_probs, self._alphabet)
        ids = log_probs.argmax(1)
        values = log_probs[np.arange(len(ids)), ids]
        self._score += float(values.sum(dtype=np.float64))
        for id, value in zip(ids.tolist(), values.tolist(), strict=True):
            last = self._open[0] if self._open else None
            frame = self.frames
            self.frames += 1
            if last is not None and id == last.id:
                self._open = [Span(id, last.first, frame + 1, max(last.log_prob, value))]
                continue
            self._written.add(self._open)
            self._open = [] if id == BLANK else [Span(id, frame, frame + 1, value)]

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        return {
            **save_written(self._written),
            "frames": self.frames,
            "open": save_spans(self._open),
            "score": self._score,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another."""
        restore_written(self._written, saved)
        self.frames, self._score = saved["frames"], saved["score"]
        self._open = list(restore_spans(saved["open"]))

    @property
    def text(self) -> str:
        """The text so far."""
        return self._written.text(span.id for span in self._open)

    def best(self, n: int = 1, *, final: bool = True) -> list[Hypothesis]:  # noqa: ARG002
        """The one hypothesis of a greedy decoder, whatever `n` and `final` are."""
        return [Hypothesis(self.text, self._score, self._written.words(self._open))]

    def take(self) -> list[Word]:
        """The words that nothing to come will change; the state forgets them."""
        return self._written.take()


def check_frames(log_probs: Array, alphabet: Alphabet) -> Array:
    """The frames as an array (t, V), or a SettingsError that says what is wrong with them."""
    try:
        log_probs = np.asarray(log_probs)
    except Exception as error:  # whatever an object's own conversion raises
        raise SettingsError(f"log_probs must be an array: {error}") from None
    if log_probs.dtype.kind not in "fiu":
        raise SettingsError(f"log_probs must be numbers, not of type {log_probs.dtype}")
    if log_probs.ndim != 2 or log_probs.shape[1] != alphabet.size:
        raise SettingsError(
            f"log_probs must be (frames, {alphabet.size}), for the blank and"
            f" {alphabet.size - 1} characters, got {log_probs.shape}"
        )
    if np.isnan(log_probs).any() or (log_probs.max(initial=0.0) > 1e-3):
        raise SettingsError("log_probs must be log probabilities: none NaN, none above 0")
    return log_probs


def check_alphabet(alphabet: Any) -> None:
    """Raise SettingsError if it is no `Alphabet`."""
    if not isinstance(alphabet, Alphabet):
        raise SettingsError(
            f"alphabet must be an Alphabet(characters), not a {type(alphabet).__name__}"
        )


def check_count(name: str, value: Any) -> None:
    """Raise SettingsError if a value is not a whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise SettingsError(f"{name} must be 1 or more, got {shown(value)}")
