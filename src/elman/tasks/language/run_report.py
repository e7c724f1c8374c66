"""A language model's part of a run's report: a sample, lines of the held-out text, the data."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from elman import html
from elman.data.text.files import lines_of
from elman.tasks.language.dataset import LanguageText
from elman.tasks.language.ngram_model import mixed
from elman.tasks.run_report.data import Duplicates, lengths, shortened
from elman.tasks.run_report.run import Own
from elman.train.tree import move

if TYPE_CHECKING:
    from elman.tasks.language.task import Language

_SAMPLE, _TEMPERATURE = 500, 0.8
_STREAMS, _CHUNK = 16, 256
_SCORED = 2**15  # held-out tokens that are scored one by one
_LINES = 8  # most and least surprising ones
_LEAST = 12  # characters of a line that is listed
_COPIED = 40  # characters of a line that hardly occurs twice by chance
_BLOCKS = 40  # of a quarter of a million characters whose lines are measured
_COMPARED = 10_000_000  # tokens that are searched for duplicates


class Scored(NamedTuple):
    """A held-out line and its bits a character."""

    text: str
    bits: float


@dataclass(frozen=True)
class LanguageRun:
    """A trained language model with its training and held-out text."""

    task: "Language"
    train: LanguageText
    held_out: LanguageText

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {
            "A sample": self.sample,
            "Lines of the held-out text": self.lines,
            "Data": self.data,
        }
        return Own(sections, lambda: self._duplicates.advice)

    def sample(self) -> list[str]:
        """Text that the model writes."""
        task, seed = self.task, self.task.settings.seed
        written = task.generate(length=_SAMPLE, temperature=_TEMPERATURE, seed=seed)
        words = f"What the model writes, {_SAMPLE} tokens at temperature {_TEMPERATURE}:"
        return [html.text(words), html.preformatted(written)]

    def lines(self) -> list[str]:
        """The lines with the most and with the fewest bits a character."""
        scored = sorted(self._scored(), key=lambda line: -line.bits)
        if len(scored) < 2:
            return []
        count = min(_LINES, len(scored) // 2)
        words = (
            f"Bits per character of {len(scored):,} lines of the held-out text, each read after the"
            " text before it. Lines with very many bits may be of another language or garbled."
        )
        tables = [
            html.table(
                ["line", "bits per character"],
                [(shortened(line.text), line.bits) for line in part],
                caption=caption,
                stacked=True,
            )
            for caption, part in (
                ("The most surprising.", scored[:count]),
                ("The least surprising.", scored[: -count - 1 : -1]),
            )
        ]
        return [html.text(words), *tables]

    def _scored(self) -> Iterator[Scored]:
        """Each line of the held-out text's beginning that lies within a stream."""
        vocabulary = self.task.vocabulary
        tokens = np.asarray(self.held_out.tokens(vocabulary)[:_SCORED]).astype(np.int64)
        streams = min(_STREAMS, max(1, len(tokens) // _CHUNK))
        length = len(tokens) // streams
        if length < 2:
            return
        rows = tokens[: streams * length].reshape(streams, length)
        bits = self._bits(torch.from_numpy(rows).T)
        for row, own in zip(rows, bits.T, strict=True):
            yield from _lines_of(row[1:], own, vocabulary)

    @torch.inference_mode()
    def _bits(self, tokens: torch.Tensor) -> NDArray[np.float32]:
        """Of each token (T, B) but the first, (T - 1, B), by those before it."""
        model, state, found = self.task.model, None, []
        tokens = move(tokens, self.task.device)
        for first in range(0, len(tokens) - 1, _CHUNK):
            inputs = tokens[first : first + _CHUNK][: len(tokens) - 1 - first]
            targets = tokens[first + 1 : first + 1 + len(inputs)]
            scores, state = model(inputs, state)
            nats = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
            found.append(nats.view(targets.shape))
        nats = torch.cat(found).double().cpu()
        ngrams, share = self.task.preprocessing.ngrams, self.task.ngram_share
        if ngrams is not None and share:
            text = tokens.T.cpu().flatten().numpy()
            beside = torch.from_numpy(ngrams.losses(text)).view(tokens.shape[1], len(tokens)).T[1:]
            nats = mixed(nats, beside, share)
        bits: NDArray[np.float32] = (nats / np.log(2)).float().numpy()
        return bits

    def data(self) -> list[str]:
        """Lengths of lines, and held-out lines that training has, too."""
        text = "".join(islice(self.train.blocks(), _BLOCKS))
        sizes = [len(line) for line in _without_empty(text)]
        if len(sizes) < 2:
            return []
        words = f"{len(sizes):,} lines that are not empty were looked at."
        found = self._duplicates
        return [
            html.text(words),
            *lengths(sizes, "characters a line"),
            *found.parts(f"lines of {_COPIED} characters or more", lambda i: self._unseen_lines[i]),
        ]

    def _long_lines(self, part: LanguageText) -> list[str]:
        """As the model reads them; the first of them where the text is very long."""
        vocabulary = self.task.vocabulary
        text = vocabulary.decode(part.tokens(vocabulary)[:_COMPARED].tolist())
        return [line for line in _without_empty(text) if len(line) >= _COPIED]

    @cached_property
    def _unseen_lines(self) -> list[str]:
        return self._long_lines(self.held_out)

    @cached_property
    def _duplicates(self) -> Duplicates:
        return Duplicates.of_inputs(self._long_lines(self.train), self._unseen_lines)


def _without_empty(text: str) -> list[str]:
    return [stripped for _, line in lines_of(text) if (stripped := line.strip())]


def _lines_of(tokens: Any, bits: Any, vocabulary: Any) -> Iterator[Scored]:
    """The whole lines among tokens, with the mean of their bits."""
    stream = vocabulary.stream()
    text, total, whole = "", 0.0, False  # the first line may have begun before
    for token, own in zip(tokens.tolist(), bits.tolist(), strict=True):
        piece = stream.add(token)
        text, total = text + piece, total + own
        if "\n" in piece:
            line = text.strip()
            if whole and len(line) >= _LEAST:
                yield Scored(line, total / len(text))
            text, total, whole = "", 0.0, True
