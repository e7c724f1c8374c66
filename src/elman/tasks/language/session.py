"""Writing by a language model, token by token, with a state that can be saved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from elman.data.checks import indices
from elman.data.values import as_list, shown
from elman.decode.sampling import Sampling
from elman.decode.search import check_scores
from elman.errors import SettingsError
from elman.nn.state import State
from elman.tasks.language.ngram_model import scores_with
from elman.tasks.prediction import Prediction
from elman.tasks.session import WritingUpdate
from elman.tasks.session_state import origin, part, prefixed, restoring
from elman.tasks.steps import Run, Steps, alone
from elman.train.inference import inference

if TYPE_CHECKING:
    from elman.tasks.language.task import Language

_RECENT = 4  # tokens that a decoder may need of those before: the bytes of a character


class StopStrings:
    """Cuts a text that comes in pieces before the first of some strings.

    **Attributes:** `held`: the end of the text that may be the beginning of a stop string;
    `stopped`: whether one was found.

    >>> stops = StopStrings(["END"])
    >>> [stops.add(piece) for piece in ("a E", "NE", "ND")], stops.stopped
    (['a ', 'EN', ''], True)
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self.strings = list(strings)
        self.held = ""
        self.stopped = False

    def add(self, piece: str) -> str:
        """What can be given out after one more piece."""
        text, self.held = self.held + piece, ""
        found = [at for each in self.strings if (at := text.find(each)) >= 0]
        if found:
            self.stopped = True
            return text[: min(found)]
        keep = max(
            (n for each in self.strings for n in range(1, len(each)) if text.endswith(each[:n])),
            default=0,
        )
        self.held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back, when no more comes; after it a new text may begin."""
        rest, self.held, self.stopped = self.held, "", False
        return rest


class TextWriter:
    """Reads and writes by a trained language model; each token that it writes is one step.

    **Attributes:** `stopped`: whether a stop string came since something was read.
    """

    def __init__(
        self,
        task: "Language",
        sampling: Sampling,
        generator: torch.Generator,
        stop: Sequence[str] = (),
    ) -> None:
        self._model, self._vocabulary = task.model, task.vocabulary
        self._sampling, self._generator = sampling, generator
        self._stops = StopStrings(stop)
        self._decoder = task.vocabulary.stream()
        self._recent: list[int] = []  # the last tokens that the decoder took
        self._state: State = ()
        self._gap = ""  # between what was read and what is written
        self._token: int | None = None  # the last one, which the model has not read yet
        self._never = [self._vocabulary.pad_id, self._vocabulary.unknown_id]
        self._ngrams, self._share = task.preprocessing.ngrams, task.ngram_share
        self._context: list[int] = []  # the last tokens, for the n-grams
        self._unwritten = torch.tensor(self._never, device=task.device)

    @classmethod
    def of(
        cls,
        task: "Language",
        temperature: float,
        top_k: int | None,
        top_p: float | None,
        seed: int | None,
        stop: Iterable[str],
    ) -> Self:
        """One with the options of `Language.stream`, which are checked."""
        sampling = Sampling(temperature, top_k, top_p)
        if seed is not None and not (isinstance(seed, Integral) and 0 <= seed < 2**63):
            raise SettingsError(f"seed must be a whole number from 0 to 2^63, got {shown(seed)}")
        ends = [stop] if isinstance(stop, str) else as_list(stop, "stop")
        if not all(isinstance(end, str) for end in ends):
            raise SettingsError(f"stop must be strings, got {shown(stop)}")
        if "" in ends:
            raise SettingsError("stop holds an empty string")
        generator = torch.Generator()
        generator.seed() if seed is None else generator.manual_seed(int(seed))
        return cls(task, sampling, generator, ends)

    @property
    def stopped(self) -> bool:
        """Whether a stop string came since something was read."""
        return self._stops.stopped

    def reading(self, text: str) -> Steps[int]:
        """Go on after more text; before anything was read, an empty one is any token at all.

        Returns how many tokens the text has.
        """
        new = self._vocabulary.encode(text).tolist() if text else []
        ids = new if self._token is None else [self._token, *new]
        if text:
            self._gap = "" if text[-1].isspace() else self._vocabulary.separator
        *before, self._token = ids or [self._any_token()]
        self._remember(new if ids else [self._token])
        if before:
            with inference(self._model) as device:
                encoded = self._model.encoder(torch.tensor(before, device=device).unsqueeze(1))
            _, self._state = yield Run(self._model.recurrent, encoded, self._state)
        return len(new)

    def writing(self) -> Steps[str]:
        """One token more: the text that is complete by it, "" in the middle of a character."""
        scores, self._state = yield Run(
            self._model, torch.from_numpy(np.array([[self._token]])), self._state
        )
        with torch.inference_mode():
            last = check_scores(scores[0])[0]
            if self._ngrams is not None:
                last = scores_with(last, self._ngrams, self._share, self._context)
            last = last.index_fill_(0, self._unwritten, -torch.inf)
            self._token = self._sampling.draw(last, self._generator)
        self._remember([self._token])
        self._recent = [*self._recent, self._token][-_RECENT:]
        piece = self._decoder.add(self._token)
        if piece:
            piece, self._gap = self._gap + piece, ""
        return self._stops.add(piece)

    def flush(self) -> str:
        """What was held back of the text, as a text of its own may follow."""
        rest = "" if self.stopped else self._stops.add(self._decoder.finish())
        rest += self._stops.finish()
        if self._recent:
            self._gap = self._vocabulary.separator
        self._decoder, self._recent = self._vocabulary.stream(), []
        return rest

    @property
    def state(self) -> dict[str, Any]:
        """All of it, tensors and plain values by name."""
        layers = {str(k): layer.clone() for k, layer in enumerate(self._state)}
        return {
            "token": self._token,
            "recent": list(self._recent),
            "context": list(self._context),
            "gap": self._gap,
            "held": self._stops.held,
            "stopped": self._stops.stopped,
            "generator": self._generator.get_state(),
            **prefixed("layers", layers),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`."""
        layers = part("layers", state)
        device = next(self._model.parameters()).device
        last = tuple(layers[str(k)].to(device) for k in range(len(layers)))
        token = state["token"]
        context = state.get("context", [])  # none in states of older versions
        tokens = [*context, *state["recent"], *(() if token is None else (token,))]
        indices(tokens, "tokens", self._vocabulary.size)
        if last:
            with inference(self._model):  # which refuses what does not fit
                self._model.step(torch.tensor([token], device=device), last)
        self._token, self._state = token, last
        self._generator.set_state(state["generator"].cpu())
        self._stops.held, self._stops.stopped = str(state["held"]), bool(state["stopped"])
        for each in state["recent"]:
            self._decoder.add(each)
        self._recent = list(state["recent"])
        self._context = list(context)
        self._gap = str(state.get("gap", ""))  # none in states of older versions

    def _remember(self, ids: Sequence[int]) -> None:
        if self._ngrams is not None:
            kept = self._ngrams.order - 1
            self._context = [*self._context, *ids][-kept:] if kept else []

    def _any_token(self) -> int:
        low = 1 + max(self._never)
        token = torch.randint(low, self._vocabulary.size, (1,), generator=self._generator)
        return int(token)


def checked_length(length: Any) -> int:
    """How many tokens are written at most; SettingsError for what is no such number."""
    if not isinstance(length, Integral) or length < 0:
        raise SettingsError(f"length must be a whole number, 0 or more, got {shown(length)}")
    return int(length)


def pieces(writer: TextWriter, prompt: str, length: int) -> Iterator[str]:
    """What the writer writes after a prompt, as it arrives: up to `length` tokens."""
    alone(writer.reading(prompt))
    for _ in range(length):
        if piece := alone(writer.writing()):
            yield piece
        if writer.stopped:
            return
    if rest := writer.flush():
        yield rest


class LanguageSession:
    """A text that a person and a model write in turns; `Language.session` makes it."""

    def __init__(
        self, task: "Language", writer: TextWriter, length: int, state: Mapping[str, Any] | None
    ) -> None:
        self._task, self._writer, self._length = task, writer, length
        self._read, self._written = "", ""
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._read, self._written = str(state["read"]), str(state["written"])
                writer.restore(part("writer", state))

    def accept(self, chunk: str = "") -> WritingUpdate:
        """Read more text, and write what follows.

        **Arguments:** `chunk`: what stands next in the text; with "" the model writes on.

        **Returns:** `value`: all that was written, without what was read; `new`: what came to it.
        Writing ends after `length` tokens or before a stop string, after which the next chunk
        follows. An incomplete character, or what may become a stop string, waits for the next call.
        """
        return alone(self.accepting(chunk))

    def accepting(self, chunk: str = "") -> Steps[WritingUpdate]:
        """As `accept`, for a server that computes for many sessions; it yields each piece."""
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        if not isinstance(chunk, str):
            raise SettingsError(f"chunk must be a text, got a {type(chunk).__name__}")
        new = self._writer.flush() if chunk or self._writer.stopped else ""
        read = yield from self._writer.reading(chunk)
        self._read += chunk
        self._written += new
        written, stopped = 0, False
        while written < self._length and not stopped:
            piece = yield from self._writer.writing()
            written, stopped = written + 1, self._writer.stopped
            new, self._written = new + piece, self._written + piece
            if piece:
                yield WritingUpdate(self._written, piece, read, written, stopped)
        return WritingUpdate(self._written, new, read, written, stopped)

    def finish(self) -> Prediction:
        """All that was written, after what was read as `input`; the session takes no more."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`; nothing has to be computed for it."""
        yield from ()
        if not self._finished:
            self._written += self._writer.flush()
            self._finished = True
        return Prediction(self._written, input=self._read)

    @property
    def state(self) -> dict[str, Any]:
        """Where the session stands, tensors and plain values by name: given to
        `Language.session(state=...)` of the same model it continues from there."""
        return {
            **origin(self._task),
            "read": self._read,
            "written": self._written,
            **prefixed("writer", self._writer.state),
        }
