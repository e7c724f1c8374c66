"""Decoding of transducers: the best path, and a beam summed over alignments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.decode.alphabet import BLANK, Alphabet
from elman.decode.ctc_greedy import check_alphabet, check_count
from elman.decode.hypothesis import Hypothesis, Span, Word, Written
from elman.decode.nbest import hypotheses
from elman.decode.prefix_tree import Prefix, fill_rows, last_common
from elman.decode.saved_search import (
    flattened,
    restore_prefixes,
    restore_spans,
    restore_written,
    save_prefixes,
    save_spans,
    save_written,
    unflattened,
)
from elman.decode.scorers import Scorer
from elman.nn.state import State, as_tuple, gather, scatter

_SETTLED_EVERY = 50  # frames between two looks at what is settled


class TransducerNetwork(Protocol):
    """What the search asks of a transducer: its prediction network and what joins both."""

    def predict(self, ids: Tensor, state: State | None) -> tuple[Tensor, Tensor | State]:
        """Read one character of each text: ids (n,) int64, on the CPU, to vectors (n, P) and the
        next state.

        The first is the blank, with the state None. What a layer of elman returns as its state will
        do; what is given is a tuple of tensors, (layers, n, H) each.
        """

    def join(self, heard: Tensor, read: Tensor) -> Tensor:
        """Scores (n, V) of a frame of the encoder (1, E) with what was read, (n, P)."""


@dataclass
class _Reader:
    """Runs the prediction network for texts, each text once."""

    network: TransducerNetwork

    def first(self) -> tuple[Tensor, State]:
        vector, state = self.network.predict(torch.tensor([BLANK]), None)
        return vector, as_tuple(state)

    def read(self, texts: Sequence[tuple[int, State]]) -> list[tuple[Tensor, State]]:
        """For ids, each with the state before it, the vectors (1, P) and the states after."""
        ids = torch.tensor([id for id, _ in texts])
        vectors, states = self.network.predict(ids, gather([state for _, state in texts]))
        return list(zip(vectors.chunk(len(texts)), scatter(as_tuple(states)), strict=True))


class TransducerGreedy:
    """In each frame write the most probable character until it is the blank.

    **Arguments:** `network`: see `TransducerNetwork`; `most_symbols`: characters in one frame;
    `frame_seconds`: the time from one frame of the encoder to the next.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        network: TransducerNetwork,
        *,
        most_symbols: int = 3,
        frame_seconds: float = 0.04,
    ) -> None:
        check_alphabet(alphabet)
        self.alphabet = alphabet
        self.network = network
        self.most_symbols = _positive("most_symbols", most_symbols)
        self.frame_seconds = frame_seconds

    def start(self) -> "TransducerGreedyState":
        """The state before the first frame."""
        return TransducerGreedyState(self)

    def decode(self, encoded: Tensor, n: int = 1) -> list[Hypothesis]:
        """The text of all frames of the encoder, (T, E), in a list of one."""
        state = self.start()
        state.advance(encoded)
        return state.best(n)


class TransducerGreedyState:
    """What greedy decoding has found so far.

    **Attributes:** `frames`, how many it has taken in.
    """

    def __init__(self, decoder: TransducerGreedy) -> None:
        self.frames = 0
        self._decoder = decoder
        self._reader = _Reader(decoder.network)
        with torch.inference_mode():
            self._read, self._state = self._reader.first()
        self._written = Written(decoder.alphabet, decoder.frame_seconds)
        self._score = 0.0

    @torch.inference_mode()
    def advance(self, encoded: Tensor) -> None:
        """Take in the next frames of the encoder: (t, E)."""
        for i in range(len(encoded)):
            heard = encoded[i : i + 1]
            for symbols in range(self._decoder.most_symbols + 1):
                scores = self._decoder.network.join(heard, self._read)[0].double().log_softmax(-1)
                full = symbols == self._decoder.most_symbols
                id = BLANK if full else int(scores.argmax())
                value = float(scores[id])
                self._score += value
                if id == BLANK:
                    break
                self._written.add([Span(id, self.frames, self.frames + 1, value)])
                [(self._read, self._state)] = self._reader.read([(id, self._state)])
            self.frames += 1

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        return {
            **save_written(self._written),
            "frames": self.frames,
            "score": self._score,
            "read": self._read.cpu().clone(),
            **flattened(self._state, "reader"),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another."""
        restore_written(self._written, saved)
        self.frames, self._score = saved["frames"], saved["score"]
        device = self._read.device
        self._read = saved["read"].to(device=device, copy=True)
        self._state = unflattened(saved, "reader", device)

    @property
    def text(self) -> str:
        """The text so far."""
        return self._written.text()

    def best(self, n: int = 1, *, final: bool = True) -> list[Hypothesis]:  # noqa: ARG002
        """The one hypothesis of a greedy decoder, whatever `n` and `final` are."""
        return [Hypothesis(self.text, self._score, self._written.words())]

    def take(self) -> list[Word]:
        """The words that nothing to come will change; the state forgets them."""
        return self._written.take()


class TransducerBeam:
    """Beam search frame by frame (Saon et al. 2020, time-synchronous), summed over alignments.

    **Arguments:** `network`: see `TransducerNetwork`; `width`: most texts kept from frame to
    frame; `most_symbols`: characters in one frame; `scorers`: what else weighs a text, as in
    `CTCBeam`; `margin`: texts whose score is that much below the best one's are dropped;
    `frame_seconds`: the time from one frame of the encoder to the next; `most_unsettled`: of more
    characters than that, that the beam does not agree on, the first half is taken as the best
    text has it.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        network: TransducerNetwork,
        *,
        width: int = 8,
        most_symbols: int = 3,
        scorers: Iterable[Scorer[Any]] = (),
        margin: float = 12.0,
        frame_seconds: float = 0.04,
        most_unsettled: int = 200,
    ) -> None:
        check_alphabet(alphabet)
        self.alphabet = alphabet
        self.network = network
        self.width = _positive("width", width)
        self.most_symbols = _positive("most_symbols", most_symbols)
        self.scorers = list(scorers)
        self.margin = margin
        self.frame_seconds = frame_seconds
        self.most_unsettled = _positive("most_unsettled", most_unsettled)

    def start(self) -> "TransducerState":
        """The state before the first frame."""
        return TransducerState(self)

    def decode(self, encoded: Tensor, n: int = 1) -> list[Hypothesis]:
        """The `n` best texts of all frames of the encoder, (T, E), the best first."""
        state = self.start()
        state.advance(encoded)
        return state.best(n)


@dataclass
class _Text:
    """A text of the beam: the sum of its paths, the best one and when that wrote each character."""

    prefix: Prefix
    score: float
    best: float
    spans: tuple[Span, ...]

    @property
    def rank(self) -> float:
        return self.score + self.prefix.score


class TransducerState:
    """What a beam search has found so far.

    **Attributes:** `frames`, how many it has taken in.
    """

    def __init__(self, beam: TransducerBeam) -> None:
        self.beam = beam
        self.frames = 0
        self._reader = _Reader(beam.network)
        root = Prefix(None, BLANK, tuple(scorer.start() for scorer in beam.scorers), 0.0)
        with torch.inference_mode():
            root.read = self._reader.first()
        self._texts = [_Text(root, 0.0, 0.0, ())]
        self._written = Written(beam.alphabet, beam.frame_seconds, power=0.5)

    @torch.inference_mode()
    def advance(self, encoded: Tensor) -> None:
        """Take in the next frames of the encoder: (t, E)."""
        for i in range(len(encoded)):
            heard = encoded[i : i + 1]
            self._texts = self._frame(heard)
            self.frames += 1
            if self.frames % _SETTLED_EVERY == 0:
                self._settle()

    def _frame(self, heard: Tensor) -> list[_Text]:
        done: dict[Prefix, _Text] = {}
        texts = self._texts
        for symbols in range(self.beam.most_symbols + 1):
            scores = self._scores(heard, texts)
            for text, blank in zip(texts, scores[:, BLANK].tolist(), strict=True):
                _merge(done, text, blank)
            if symbols == self.beam.most_symbols:
                break
            texts = self._longer(texts, scores, max(text.rank for text in done.values()))
            if not texts:
                break
        kept = sorted(done.values(), key=lambda text: -text.rank)[: self.beam.width]
        least = kept[0].rank - self.beam.margin
        return [text for text in kept if text.rank >= least]

    def _scores(self, heard: Tensor, texts: list[_Text]) -> NDArray[np.float64]:
        """Log probabilities (n, V) after each text."""
        unread = [text.prefix for text in texts if text.prefix.read is None]
        if unread:
            before = [(prefix.id, prefix.parent.read[1]) for prefix in unread if prefix.parent]
            for prefix, read in zip(unread, self._reader.read(before), strict=True):
                prefix.read = read
        vectors = torch.cat([text.prefix.read[0] for text in texts])
        joined = self.beam.network.join(heard, vectors).double().log_softmax(-1)
        scores: NDArray[np.float64] = joined.cpu().numpy()
        return scores

    def _longer(self, texts: list[_Text], scores: NDArray[np.float64], best: float) -> list[_Text]:
        """The best of the texts with one more character in the same frame."""
        prefixes = [text.prefix for text in texts]
        ranks = scores[:, 1:] + np.array([[text.rank] for text in texts])
        if self.beam.scorers:
            fill_rows(prefixes, self.beam.scorers)
            ranks += np.array([prefix.row for prefix in prefixes])[:, 1:]
        ranks = ranks.ravel()
        kept = np.flatnonzero(ranks >= max(best - self.beam.margin, -1e300))
        kept = kept[np.argsort(-ranks[kept], kind="stable")[: self.beam.width]]
        longer = []
        for where in kept.tolist():
            i, id = divmod(where, self.beam.alphabet.size - 1)
            text, value = texts[i], float(scores[i, id + 1])
            longer.append(
                _Text(
                    text.prefix.child(id + 1, self.beam.scorers),
                    text.score + value,
                    text.best + value,
                    (*text.spans, Span(id + 1, self.frames, self.frames + 1, value)),
                )
            )
        return longer

    def _settle(self) -> None:
        """Write the beginning that nothing will change."""
        path = max(self._texts, key=lambda text: text.rank).prefix.path()
        agreed = len(last_common([text.prefix for text in self._texts])) - 1
        if len(path) > self.beam.most_unsettled:
            agreed = max(agreed, len(path) // 2)
        if not agreed:
            return
        root = path[agreed]
        best = max(self._texts, key=lambda text: text.rank)
        self._written.add(best.spans[:agreed])
        self._texts = [
            _Text(text.prefix, text.score, text.best, text.spans[agreed:])
            for text in self._texts
            if root in text.prefix.path()
        ]
        root.parent = None

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        return {
            **save_written(self._written),
            **save_prefixes([text.prefix for text in self._texts], self.beam.scorers),
            "frames": self.frames,
            "sum": [text.score for text in self._texts],
            "best": [text.best for text in self._texts],
            "written_at": [save_spans(text.spans) for text in self._texts],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another with the same beam."""
        restore_written(self._written, saved)
        device = self._texts[0].prefix.read[0].device
        prefixes = restore_prefixes(saved, self.beam.scorers, device)
        self.frames = saved["frames"]
        self._texts = [
            _Text(prefix, score, best, restore_spans(spans))
            for prefix, score, best, spans in zip(
                prefixes, saved["sum"], saved["best"], saved["written_at"], strict=True
            )
        ]

    @property
    def text(self) -> str:
        """The best text so far, without what the end would add."""
        return self._written.text(max(self._texts, key=lambda text: text.rank).prefix.ids())

    def best(self, n: int = 1, *, final: bool = True) -> list[Hypothesis]:
        """The best texts, the best first; `final` as in `BeamState.best`."""
        spans = {text.prefix: text.spans for text in self._texts}
        return hypotheses(
            list(spans),
            [text.rank for text in self._texts],
            self._written,
            n,
            self.beam.scorers if final else [],
            spans.__getitem__,
        )

    def take(self) -> list[Word]:
        """The words that nothing to come will change; the state forgets them."""
        return self._written.take()


def _merge(done: dict[Prefix, _Text], text: _Text, blank: float) -> None:
    """Put a text with the blank that ends its frame to the same one by other paths."""
    score, best, spans = text.score + blank, text.best + blank, text.spans
    if other := done.get(text.prefix):
        score = float(np.logaddexp(score, other.score))
        if other.best >= best:
            best, spans = other.best, other.spans
    done[text.prefix] = _Text(text.prefix, score, best, spans)


def _positive(name: str, value: int) -> int:
    check_count(name, value)
    return value
