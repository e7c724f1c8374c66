"""Prefix beam search of CTC: the most probable texts, summed over their alignments."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.arguments import check_number, listed
from elman.decode.alphabet import BLANK, Alphabet
from elman.decode.ctc_greedy import check_alphabet, check_count, check_frames
from elman.decode.forced_alignment import forced_alignment
from elman.decode.hypothesis import Hypothesis, Word, Written
from elman.decode.nbest import hypotheses
from elman.decode.ngram import NGram
from elman.decode.prefix_tree import Prefix, fill_rows, last_common
from elman.decode.saved_search import (
    array_of,
    restore_prefixes,
    restore_written,
    save_prefixes,
    save_written,
)
from elman.decode.scorers import HotWords, Lexicon, NGramScorer, Scorer

Array = NDArray[Any]
LM_WEIGHT = 0.5
WORD_BONUS = 1.5  # without it a weighed model of words drops short words; measured on AN4
_LEAST = -1e4
_SETTLED_EVERY = 50  # frames between two looks at what is settled


class CTCBeam:
    """Prefix beam search (Graves 2012 thesis, Hannun et al. 2014) with words, hot words and more.

    The score of a text is the natural log of its probability, summed over all alignments in the
    beam, and what language models add. Decodes chunk after chunk with the very result of all
    frames at once; the beginning of the text that all of the beam agrees on is settled and
    forgotten, so that memory does not grow with the frames.

    **Arguments:**

    - `width`: most texts kept from frame to frame.
    - `lm`, `lm_weight`, `word_bonus`, `unknown_bonus`: an n-gram model of words and how it counts,
      see `NGramScorer`.
    - `lexicon`: the only words that may be written; all if None.
    - `hot_words`, `hot_word_bonus`: words and phrases that are more likely, see `HotWords`.
    - `scorers`: more, such as a `CharacterModel`.
    - `frame_seconds`: the time from one frame of the network's output to the next.
    - `least_log_prob`: a character less probable in a frame is not tried there.
    - `margin`: texts whose score is that much below the best one's are dropped.
    - `lag_frames`: after that many frames the beginning is looked at for what is settled; after
      twice as many the best text's beginning is taken.

    >>> beam = CTCBeam(Alphabet("ab"), width=4)
    >>> scores = np.log([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]])
    >>> beam.decode(scores)[0].text  # "" has 0.25, "a" has 0.2 + 0.2 + 0.16
    'a'
    """

    def __init__(
        self,
        alphabet: Alphabet,
        *,
        width: int = 16,
        lm: NGram | None = None,
        lm_weight: float = LM_WEIGHT,
        word_bonus: float = WORD_BONUS,
        unknown_bonus: float = -10.0,
        lexicon: Iterable[str] | None = None,
        hot_words: Iterable[str] = (),
        hot_word_bonus: float = 1.0,
        scorers: Iterable[Scorer[Any]] = (),
        frame_seconds: float = 0.04,
        least_log_prob: float = -7.0,
        margin: float = 12.0,
        lag_frames: int = 250,
    ) -> None:
        check_alphabet(alphabet)
        check_count("width", width)
        check_count("lag_frames", lag_frames)
        check_number("frame_seconds", frame_seconds, 1e-6)
        check_number("least_log_prob", least_log_prob, -math.inf, 0)
        check_number("margin", margin, 0, math.inf)
        self.alphabet = alphabet
        self.width = width
        self.frame_seconds = frame_seconds
        self.least_log_prob = least_log_prob
        self.margin = margin
        self.lag_frames = lag_frames
        hot_words = listed(hot_words, "hot_words", str, "words")
        hot = [word for phrase in hot_words for word in phrase.split()]
        self.scorers: list[Scorer[Any]] = list(scorers)
        if lm is not None:
            self.scorers.append(
                NGramScorer(
                    alphabet,
                    lm,
                    weight=lm_weight,
                    word_bonus=word_bonus,
                    unknown_bonus=unknown_bonus,
                    known=hot,
                )
            )
        if lexicon is not None:
            self.scorers.append(
                Lexicon(alphabet, [*listed(lexicon, "lexicon", str, "words"), *hot])
            )
        if hot_words:
            self.scorers.append(HotWords(alphabet, hot_words, bonus=hot_word_bonus))

    def start(self) -> "BeamState":
        """The state before the first frame."""
        return BeamState(self)

    def decode(self, log_probs: Array, n: int = 1) -> list[Hypothesis]:
        """The `n` best texts of all frames, (T, V) log probabilities, the best first."""
        state = self.start()
        state.advance(log_probs)
        return state.best(n)


class BeamState:
    """What a beam search has found so far.

    **Attributes:** `frames`, how many it has taken in.
    """

    def __init__(self, beam: CTCBeam) -> None:
        self.beam = beam
        self.frames = 0
        root = Prefix(None, BLANK, tuple(scorer.start() for scorer in beam.scorers), 0.0)
        self._prefixes = [root]
        self._last = np.array([BLANK])
        self._lm = np.zeros(1)
        self._blank = np.zeros(1)  # log probability of the alignments that end with a blank
        self._voiced = np.full(1, -np.inf)  # of those that end with the last character
        self._parents: list[int] | None = None
        self._rows: Array | None = None
        self._heard: list[Array] = []  # the frames of what is not settled
        self._first = 0  # the number of the first of them
        self._written = Written(beam.alphabet, beam.frame_seconds, power=0.5)

    def advance(self, log_probs: Array) -> None:
        """Take in the next frames: (t, V) log probabilities."""
        log_probs = check_frames(log_probs, self.beam.alphabet).astype(np.float64)
        np.maximum(log_probs, _LEAST, out=log_probs)  # no frame may end all texts for ever
        tried = log_probs >= self.beam.least_log_prob
        tried[:, BLANK] = False
        speech = np.any(tried, axis=1)
        for t, frame in enumerate(log_probs):
            if speech[t]:
                self._extend(frame, np.flatnonzero(tried[t]))
            else:
                self._wait(frame)
            self.frames += 1
            self._heard.append(frame)
            if self.frames % _SETTLED_EVERY == 0 and len(self._heard) >= self.beam.lag_frames:
                self._settle()

    def _wait(self, frame: Array) -> None:
        """A frame with nothing but a blank or the last character again."""
        total = np.logaddexp(self._blank, self._voiced)
        self._voiced = self._voiced + frame[self._last]
        self._blank = total + frame[BLANK]

    def _extend(self, frame: Array, ids: Array) -> None:
        beam, last, lm = self.beam, self._last, self._lm
        count = len(last)
        scores = frame[ids]
        total = np.logaddexp(self._blank, self._voiced)
        longer = total[:, None] + scores
        column = np.full(len(frame), -1)
        column[ids] = np.arange(len(ids))
        again = column[last]
        again[last == BLANK] = -1
        same = np.flatnonzero(again >= 0)  # a character twice needs a blank between
        longer[same, again[same]] = self._blank[same] + scores[again[same]]
        voiced = self._voiced + frame[last]
        blank = total + frame[BLANK]
        if self._parents is None:
            self._refresh()
        assert self._parents is not None
        for j in same.tolist():
            if (i := self._parents[j]) >= 0:
                voiced[j] = np.logaddexp(voiced[j], longer[i, again[j]])
                longer[i, again[j]] = -np.inf
        ranks = np.empty(count * (1 + len(ids)))
        ranks[:count] = np.logaddexp(voiced, blank) + lm
        new = ranks[count:].reshape(count, len(ids))
        np.add(longer, lm[:, None], out=new)
        if self._rows is not None:
            new += self._rows[:, ids]
        best = ranks.max()
        kept = np.flatnonzero(ranks >= max(best - beam.margin, -1e300))
        if len(kept) > beam.width:
            order = np.argsort(-ranks[kept], kind="stable")
            kept = np.sort(kept[order[: beam.width]])
        if not len(kept):
            kept = np.arange(count)
        old = kept[kept < count]
        grown = kept[len(old) :] - count
        if not len(grown) and len(old) == count:
            self._voiced, self._blank = voiced, blank
            return
        prefixes = [self._prefixes[i] for i in old.tolist()]
        added = []
        for where in grown.tolist():
            i, k = divmod(where, len(ids))
            added.append(self._prefixes[i].child(int(ids[k]), beam.scorers))
        self._prefixes = prefixes + added
        self._last = np.array([prefix.id for prefix in self._prefixes])
        self._lm = np.array([prefix.score for prefix in self._prefixes])
        self._voiced = np.concatenate([voiced[old], longer.ravel()[grown]])
        self._blank = np.concatenate([blank[old], np.full(len(grown), -np.inf)])
        self._parents = None

    def _refresh(self) -> None:
        """Find each text's parent within the beam, and the rows of all."""
        where = {id(prefix): i for i, prefix in enumerate(self._prefixes)}
        self._parents = [where.get(id(prefix.parent), -1) for prefix in self._prefixes]
        if self.beam.scorers:
            fill_rows(self._prefixes, self.beam.scorers)
            self._rows = np.array([prefix.row for prefix in self._prefixes])

    # What is settled

    def _settle(self) -> None:
        """Turn the beginning that nothing will change into words and forget its frames."""
        lag = self.beam.lag_frames
        forced = len(self._heard) >= 2 * lag
        path = self._prefixes[int(np.argmax(self._ranks()))].path()
        agreed = len(path) - 1 if forced else len(last_common(self._prefixes)) - 2
        if agreed < 1 and not forced:
            return
        spans = forced_alignment(
            np.array(self._heard), [prefix.id for prefix in path[1:]], self._first
        )
        limit = self.frames - lag // 2
        done = sum(span.end <= limit for span in spans[:agreed])
        cut = spans[done - 1].end if done else self._first
        if done:
            root = path[done]
            self._keep([i for i, prefix in enumerate(self._prefixes) if root in prefix.path()])
            root.parent = None
        if forced:
            cut = max(cut, min([limit, *(span.first for span in spans[done : done + 1])]))
            if self.frames - cut >= 2 * lag:  # one character all the time
                cut = limit
        self._written.add(spans[:done])
        del self._heard[: cut - self._first]
        self._first = cut

    def _keep(self, which: list[int]) -> None:
        if len(which) < len(self._prefixes):
            self._prefixes = [self._prefixes[i] for i in which]
            self._last, self._lm = self._last[which], self._lm[which]
            self._blank, self._voiced = self._blank[which], self._voiced[which]
        self._parents = None

    def _ranks(self) -> Array:
        ranks: Array = np.logaddexp(self._blank, self._voiced) + self._lm
        return ranks

    # What it remembers

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        heard = np.array(self._heard).reshape(len(self._heard), self.beam.alphabet.size)
        return {
            **save_written(self._written),
            **save_prefixes(self._prefixes, self.beam.scorers),
            "frames": self.frames,
            "first": self._first,
            "heard": torch.from_numpy(heard),
            "blank": torch.from_numpy(self._blank.copy()),
            "voiced": torch.from_numpy(self._voiced.copy()),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another with the same beam."""
        restore_written(self._written, saved)
        self._prefixes = restore_prefixes(saved, self.beam.scorers)
        self._last = np.array([prefix.id for prefix in self._prefixes])
        self._lm = np.array([prefix.score for prefix in self._prefixes])
        self._blank, self._voiced = array_of(saved["blank"]), array_of(saved["voiced"])
        if not len(self._prefixes) == len(self._blank) == len(self._voiced):
            raise ValueError("each text of the beam needs its log probabilities")
        self.frames, self._first = saved["frames"], saved["first"]
        self._heard = list(check_frames(array_of(saved["heard"]), self.beam.alphabet))
        self._parents = self._rows = None

    # What it all says

    @property
    def text(self) -> str:
        """The best text so far, quickly: without times, nor what the end would add."""
        return self._written.text(self._prefixes[int(np.argmax(self._ranks()))].ids())

    def best(self, n: int = 1, *, final: bool = True) -> list[Hypothesis]:
        """The best texts, the best first; the search may go on after it.

        **Arguments:**

        - `n`: how many; fewer come where the beam holds fewer.
        - `final`: whether the text ends here, so that the last word is one and a language model
          weighs the end.
        """
        return hypotheses(
            self._prefixes,
            self._ranks().tolist(),
            self._written,
            n,
            self.beam.scorers if final else [],
            lambda prefix: forced_alignment(np.array(self._heard), prefix.ids(), self._first),
        )

    def take(self) -> list[Word]:
        """The words that nothing to come will change; the state forgets them."""
        return self._written.take()
