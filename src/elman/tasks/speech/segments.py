"""A stream of scores decoded, and cut where the speaker is silent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elman.decode.alphabet import BLANK, Alphabet
from elman.decode.hypothesis import Hypothesis, text_of
from elman.decode.transducer_search import TransducerBeam, TransducerGreedy
from elman.tasks.session_state import part, prefixed
from elman.tasks.speech.frontend import Array
from elman.tasks.transcription.decoding import Decoder, taken

_MOST_WAITING = 100  # steps


class Segments:
    """Decodes steps as they arrive; where so many in a row after speech hold nothing but blanks and
    spaces, a segment ends, and the next begins with the decoder's first state.

    Where the cuts are depends on the scores alone, not on the pieces in which they come.

    **Arguments:** `silence`: steps that end a segment, None for a single one; `n`: hypotheses of
    each segment; `quick`: a decoder of CTC whose text is the partial one, so that `decoder` takes
    the steps in long pieces and is waited for at a segment's end alone.
    """

    def __init__(
        self,
        decoder: Decoder,
        silence: int | None = None,
        n: int = 1,
        quick: Decoder | None = None,
    ) -> None:
        self.decoder, self.silence, self.n, self.quick = decoder, silence, n, quick
        self._state: Any = decoder.start()
        self._quick: Any = None if quick is None else quick.start()
        self._waiting: list[Array] = []  # steps that only `quick` has taken
        self._begin = self._seen = 0  # the segment's first step, and the steps so far
        self._spoken, self._quiet = False, 0
        of_transducer = isinstance(decoder, (TransducerGreedy, TransducerBeam))
        self._by_text = of_transducer and silence is not None

    def accept(self, scores: Array) -> list[list[Hypothesis]]:
        """Take in (t, V) log probabilities, or a transducer's steps (t, J); the n best of each
        segment that ends in them."""
        if self._by_text:
            return self._step_by_step(scores)
        ended, begin = [], 0
        for i in self._ends(scores):
            self._advance(scores[begin:i])
            ended.append(self._close())
            begin = i
        self._advance(scores[begin:])
        return ended

    def _step_by_step(self, scores: Array) -> list[list[Hypothesis]]:
        """As `accept`; silence is where no character is written."""
        ended = []
        for i in range(len(scores)):
            before = self.partial
            self._advance(scores[i : i + 1])
            if self._pause(quiet=self.partial == before):
                ended.append(self._close())
        return ended

    @property
    def partial(self) -> str:
        """The text so far of the segment that has not ended."""
        text: str = (self._quick or self._state).text
        return text

    def finish(self) -> list[Hypothesis]:
        """The n best of the last segment."""
        return self._close()

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        self._catch_up()
        quick = {} if self._quick is None else prefixed("quick", self._quick.state)
        return {
            **quick,
            "begin": self._begin,
            "seen": self._seen,
            "spoken": self._spoken,
            "quiet": self._quiet,
            **prefixed("search", self._state.state),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another with the same decoder."""
        self._begin, self._seen = saved["begin"], saved["seen"]
        self._spoken, self._quiet = saved["spoken"], saved["quiet"]
        self._state.restore(part("search", saved))
        if self._quick is not None:
            self._quick.restore(part("quick", saved))

    def _ends(self, scores: Array) -> list[int]:
        """The steps before which a segment ends."""
        if self.silence is None:
            return []
        ends = []
        ids = scores.argmax(1)
        for i, quiet in enumerate(((ids == BLANK) | (ids == self.decoder.alphabet.space)).tolist()):
            if self._pause(quiet=quiet):
                ends.append(i + 1)
        return ends

    def _pause(self, *, quiet: bool) -> bool:
        """Whether with this step a segment ends."""
        self._quiet = self._quiet + 1 if quiet else 0
        self._spoken = self._spoken or not quiet
        if not self._spoken or self._quiet != self.silence:
            return False
        self._spoken, self._quiet = False, 0
        return True

    def _advance(self, scores: Array) -> None:
        if not len(scores):
            return
        self._seen += len(scores)
        self._waiting.append(scores)
        if self.quick is not None:
            self._quick.advance(taken(self.quick, scores))
            if sum(map(len, self._waiting)) < _MOST_WAITING:
                return
        self._catch_up()

    def _catch_up(self) -> None:
        if self._waiting:
            self._state.advance(taken(self.decoder, np.concatenate(self._waiting)))
            self._waiting = []

    def _close(self) -> list[Hypothesis]:
        self._catch_up()
        best = [
            _later(each, self._begin * self.decoder.frame_seconds)
            for each in self._state.best(self.n)
        ]
        self._state, self._begin = self.decoder.start(), self._seen
        self._quick = None if self.quick is None else self.quick.start()
        return best


def joined(segments: Sequence[Sequence[Hypothesis]], alphabet: Alphabet) -> tuple[Hypothesis, ...]:
    """The hypotheses of all segments together: of several only the best of each."""
    if len(segments) == 1:
        return tuple(segments[0])
    best = [segment[0] for segment in segments if segment]
    words = tuple(word for each in best for word in each.words)
    return (Hypothesis(text_of(words, alphabet), sum(each.score for each in best), words),)


def _later(hypothesis: Hypothesis, seconds: float) -> Hypothesis:
    if not seconds:
        return hypothesis
    words = tuple(
        replace(word, start=round(word.start + seconds, 6), end=round(word.end + seconds, 6))
        for word in hypothesis.words
    )
    return replace(hypothesis, words=words)
