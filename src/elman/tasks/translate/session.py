"""Translate lines while they come."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from elman.decode.streaming import stream
from elman.errors import SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, restoring
from elman.tasks.steps import Ask, Steps, alone
from elman.tasks.translate.batches import by_length
from elman.tasks.translate.decoding import DecodeOptions, Translator
from elman.train.inference import inference
from elman.train.tree import move

if TYPE_CHECKING:
    from elman.tasks.translate.task import Translate


def pieces(translator: Translator, source: str) -> Iterator[str]:
    """The translation of one text in pieces, each as soon as the search is certain of it.

    Joined and with single spaces they are what `Translator.translate` finds; none of an empty one.
    """
    if not source.strip():
        return
    target, options = translator.known.target, translator.options
    (batch,) = by_length(translator.known, [source], [], 1).epoch(0)
    limits = translator.limits(int(batch.lengths[0]))
    with inference(translator.model) as device:
        batch = move(batch, device)
        ids = stream(
            translator.model,
            torch.full((1,), target.start_id, device=device),
            translator.model.encode(batch.source, batch.lengths),
            limits,
            width=options.beam,
            alpha=options.length_penalty,
            constraints=translator.constraints([source], limits),
        )
    decoder = target.stream(translator.known.source_text(source)[1])
    while True:
        with inference(translator.model):  # not while the caller has the piece
            id = next(ids, None)
        if id is None:
            break
        if piece := decoder.add(id):
            yield piece
    if rest := decoder.finish():
        yield rest


def next_pieces(translations: Sequence[Iterator[str]]) -> list[str | Exception | None]:
    """The next piece of each translation, None at its end; or why there is none."""
    return [_next_piece(each) for each in translations]


def _next_piece(translation: Iterator[str]) -> str | Exception | None:
    try:
        return next(translation, None)
    except Exception as error:  # that of one must not stop the others
        return error


class TranslateSession:
    """Text to translate that comes in pieces; `Translate.session` makes it.

    A line is translated when its end has come, the last one at `finish`. With `partial` its pieces
    come as the search is certain of them, one line after another.
    """

    def __init__(
        self,
        task: "Translate",
        options: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        *,
        partial: bool = False,
    ) -> None:
        self._task, self._options, self._partial = task, dict(options), partial
        DecodeOptions.of(task.settings, options)
        if partial:
            task.stream("", **options)  # checks what pieces cannot have
        self._read, self._pending, self._written = "", "", ""
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._read, self._pending = str(state["read"]), str(state["pending"])
                self._written = str(state["written"])

    def accept(self, chunk: str) -> Update:
        """Take more text, and translate the lines that are complete.

        **Returns:** `value`: all translations, a line each; `new`: what came to them.
        """
        return alone(self.accepting(chunk))

    def accepting(self, chunk: str) -> Steps[Update]:
        """As `accept`, for a server that computes for many sessions."""
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        if not isinstance(chunk, str):
            raise SettingsError(f"chunk must be a text, got a {type(chunk).__name__}")
        *lines, pending = (self._pending + chunk).split("\n")
        if self._partial:
            texts = yield from self._streamed(lines)
        else:
            texts = yield from self._translated(lines)
        new = "".join(f"{text}\n" for text in texts)
        self._pending, self._read = pending, self._read + chunk
        self._written += new
        return Update(self._written, new)

    def finish(self) -> Prediction:
        """All translations, the last line's among them; the session takes no more."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`, for a server that computes for many sessions."""
        if not self._finished and self._pending:
            self._written += "".join((yield from self._translated([self._pending])))
        self._pending, self._finished = "", True
        return Prediction(self._written, input=self._read)

    def _translated(self, lines: list[str]) -> Steps[list[str]]:
        if not lines:
            return []
        found = yield Ask(self._task.predictions, lines, self._options)
        return [str(each.value) for each in found]

    def _streamed(self, lines: list[str]) -> Steps[list[str]]:
        """The lines one after another, each piece an update."""
        texts: list[str] = []
        for line in lines:
            translation, text = self._task.stream(line, **self._options), ""
            while True:
                (piece,) = yield Ask(next_pieces, [translation])
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    break
                text += piece
                yield Update(self._written + "".join(f"{each}\n" for each in texts) + text, piece)
            texts.append(" ".join(text.split()))
            yield Update(self._written + "".join(f"{each}\n" for each in texts), "\n")
        return texts

    @property
    def state(self) -> dict[str, Any]:
        """Where the session stands: given to `Translate.session(state=...)` of the same model it
        continues from there."""
        return {
            **origin(self._task),
            "read": self._read,
            "pending": self._pending,
            "written": self._written,
        }
