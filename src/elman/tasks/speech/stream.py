"""Listen while one speaks."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.sound.audio import Resampler
from elman.data.sound.samples import as_array, checked, scale_problem
from elman.decode.hypothesis import Hypothesis, Word
from elman.decode.saved_search import flattened, unflattened
from elman.errors import DataError, SettingsError
from elman.nn.state import State, as_tuple
from elman.tasks.prediction import Prediction
from elman.tasks.session import TranscriptUpdate
from elman.tasks.session_state import origin, part, prefixed, restoring
from elman.tasks.speech.frontend import Array
from elman.tasks.speech.network import LookAhead, LookAheadStream
from elman.tasks.speech.segments import Segments, joined
from elman.tasks.speech.transcripts import predicted
from elman.tasks.steps import Run, Steps, alone
from elman.train.inference import inference

if TYPE_CHECKING:
    from elman.tasks.speech.task import Speech


class Listener:
    """From sound, or precomputed features, as they arrive to the network's scores of each step.

    Put together, they are those of the whole recording at once but for rounding (1e-5).
    """

    def __init__(self, task: "Speech", rate: int | None = None) -> None:
        acoustic = task.acoustic
        if task.settings.waits:
            raise SettingsError(
                "this model is bidirectional and writes nothing before the end of the sound: train"
                " one with bidirectional=False (--no-bidirectional), or with look_ahead"
            )
        if acoustic is None and rate is not None:
            raise SettingsError(f"rate={rate}: this model reads precomputed features, not sound")
        self._model: Any = task.model
        self._device = task.device
        head: Any = task.model.head
        self._width: int = head.output_size
        self._sound = None
        if acoustic is not None:
            self._sound = Resampler(acoustic.rate if rate is None else rate, acoustic.rate)
            self._features = acoustic.online()
        self._front = task.front.stream()
        ahead = self._model.recurrent
        self._ahead = ahead.stream() if isinstance(ahead, LookAhead) else None
        self._state: State = ()

    def accepting(self, sound: NDArray[Any]) -> Steps[Array]:
        """The log probabilities, (n, V) float32, that are known after more sound; n may be 0.

        **Arguments:** `sound`: samples (N,), floats from -1 to 1 or integers of 8, 16 or 32 bits;
        or features (t, F). Of any length, also 0.
        """
        return self._network(self._front.accept(self._frames(as_array(sound, "the sound"))))

    def finishing(self) -> Steps[Array]:
        """The rest, after the last sound."""
        steps = []
        if self._sound is not None:
            rest = self._sound.finish()
            frames = np.concatenate([self._features.accept(rest), self._features.finish()])
            steps.append(self._front.accept(frames))
        steps.append(self._front.finish())
        return self._network(np.concatenate(steps), last=True)

    def _frames(self, sound: NDArray[Any]) -> Array:
        if self._sound is None:
            if sound.dtype.kind != "f" or not np.isfinite(sound).all():
                raise DataError("features must be finite floats, (t, F)")
            return sound.astype(np.float32, copy=False)
        if sound.ndim == 1 and not len(sound):
            return self._features.accept(np.zeros(0, np.float32))
        samples = checked(sound, "the sound")
        if problem := scale_problem(samples):
            raise DataError(f"the sound: {problem}")
        return self._features.accept(self._sound.accept(samples))

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as tensors and plain values by name."""
        saved = prefixed("front", self._front.state) | flattened(self._state or None, "recurrent")
        if self._sound is not None:
            if self._sound.is_resampling:
                raise SettingsError(
                    "a session that resamples sound cannot be saved, as the state of the resampler"
                    " is not accessible: resample before, and create the session without rate (the"
                    f" model reads {self._features.features.rate} samples a second)"
                )
            saved |= prefixed("features", self._features.state)
        if self._ahead is not None:
            saved |= prefixed("ahead", self._ahead.state)
        return saved

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another of the same model."""
        self._front.restore(part("front", saved))
        self._state = as_tuple(unflattened(saved, "recurrent", self._device))
        if self._sound is not None:
            self._features.restore(part("features", saved))
        if self._ahead is not None:
            self._ahead.restore(part("ahead", saved), self._device)

    def _network(self, steps: Array, *, last: bool = False) -> Steps[Array]:
        if self._ahead is not None:
            return self._looking_ahead(self._ahead, steps, last=last)
        if not len(steps):
            return np.empty((0, self._width), np.float32)
        inputs = torch.from_numpy(steps).unsqueeze(1)
        output, self._state = yield Run(self._model, inputs, self._state)
        scores: Array = output.squeeze(1).cpu().numpy()
        return scores

    def _looking_ahead(self, ahead: LookAheadStream, steps: Array, *, last: bool) -> Array:
        with inference(self._model) as device:
            x = self._model.encoder(torch.from_numpy(steps).unsqueeze(1).to(device))
            output = ahead.accept(x, last=last) if last or len(steps) else x[:0]
            if not len(output):
                return np.empty((0, self._width), np.float32)
            scores: Array = self._model.head(output).squeeze(1).cpu().numpy()
        return scores


class SpeechSession:
    """Text while one speaks; `Speech.session` makes it. Its memory does not grow with the sound.

    **Attributes:**

    - `segments`: the hypotheses of what was said before each pause, as they end.
    - `hypothesis`: after `finish` the whole text, with the times and confidences of words.
    - `seconds`: time taken so far.
    """

    def __init__(self, task: "Speech", listener: Listener, segments: Segments, **options: Any):
        self._task, self._listener, self._decoding = task, listener, segments
        self._options = options  # what decoding depends on besides the model
        self.segments: list[Hypothesis] = []
        self._ended: list[tuple[Hypothesis, ...]] = []  # since the last update
        self.hypothesis: Hypothesis | None = None
        self.seconds = 0.0
        self._text = ""

    @property
    def partial(self) -> str:
        """The text since the last pause."""
        return self._decoding.partial

    def accept(self, chunk: NDArray[Any]) -> TranscriptUpdate:
        """Hear more.

        **Arguments:** `chunk`: samples (N,), floats from -1 to 1 or integers of 8, 16 or 32 bits,
        at the rate that the session was made for; or, of a model that reads them, features (t, F).

        **Returns:** as `value` the text so far; as `new` what was added to it, None where a beam
        search has changed its mind about an earlier part.
        """
        return alone(self.accepting(chunk))

    def accepting(self, chunk: NDArray[Any]) -> Steps[TranscriptUpdate]:
        """As `accept`, for a server that computes for many sessions."""
        if self.hypothesis is not None:
            raise SettingsError("this session is finished: create a new one")
        start = time.perf_counter()
        self._take(self._decoding.accept((yield from self._listener.accepting(chunk))))
        update = self._update(self.partial)
        self.seconds += time.perf_counter() - start
        return update

    def finish(self) -> Prediction:
        """The whole text, after the last sound."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`, for a server that computes for many sessions; it yields the last update."""
        if self.hypothesis is None:
            start = time.perf_counter()
            self._take(self._decoding.accept((yield from self._listener.finishing())))
            self._take([self._decoding.finish()])
            yield self._update("")
            self.hypothesis = joined([[each] for each in self.segments], self._task.alphabet)[0]
            self.seconds += time.perf_counter() - start
        return predicted([self.hypothesis])

    @property
    def state(self) -> dict[str, Any]:
        """All that the session remembers, tensors and plain values by name: given to
        `Speech.session(state=...)` of the same model and options it continues from there, to the
        same numbers.

        SettingsError after `finish`, and where sound is brought to another rate: the resampler
        does not show what it holds back.
        """
        if self.hypothesis is not None:
            raise SettingsError("this session is finished: it has no state to continue from")
        return {
            **origin(self._task),
            "options": self._options,
            "seconds": self.seconds,
            "text": self._text,
            "segments": [
                [
                    each.text,
                    each.score,
                    [[w.text, w.start, w.end, w.confidence] for w in each.words],
                ]
                for each in self.segments
            ],
            **prefixed("listener", self._listener.state),
            **prefixed("decoding", self._decoding.state),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the state of another session; of a new one only."""
        with restoring(self._task, state):
            given = state["options"]
            different = [name for name, value in self._options.items() if given.get(name) != value]
        if different:
            raise SettingsError(
                f"state is not of a session with these options: {', '.join(different)} differ"
            )
        with restoring(self._task, state):
            self.seconds, self._text = state["seconds"], state["text"]
            self.segments = [
                Hypothesis(text, score, tuple(Word(*word) for word in words))
                for text, score, words in state["segments"]
            ]
            self._listener.restore(part("listener", state))
            self._decoding.restore(part("decoding", state))

    def _take(self, ended: Iterable[list[Hypothesis]]) -> None:
        spoken = [tuple(best) for best in ended if best[0].text]
        self._ended += spoken
        self.segments += [best[0] for best in spoken]

    def _update(self, partial: str) -> TranscriptUpdate:
        """What is known now; `partial`: the text since the last segment."""
        before, self._text = self._text, self._whole(partial)
        grown = self._text.startswith(before)
        new = self._text.removeprefix(before) if grown else None
        ended, self._ended = tuple(self._ended), []
        return TranscriptUpdate(self._text, new, ended, partial)

    def _whole(self, partial: str) -> str:
        parts = [*(each.text for each in self.segments), partial]
        space = "" if self._task.alphabet.space is None else " "
        return space.join(each for each in parts if each)


class Session:
    """A `SpeechSession` whose answers are texts and hypotheses; `Speech.stream` makes it.

    **Attributes:** `segments`, `seconds` and `state` as there.
    """

    def __init__(self, session: SpeechSession) -> None:
        self._session = session

    def accept(self, sound: NDArray[Any]) -> str:
        """Hear more; the text so far since the last pause."""
        self._session.accept(sound)
        return self._session.partial

    def finish(self) -> Hypothesis:
        """The whole text, after the last sound."""
        self._session.finish()
        assert self._session.hypothesis is not None
        return self._session.hypothesis

    @property
    def segments(self) -> list[Hypothesis]:
        """What was said before each pause."""
        return self._session.segments

    @property
    def seconds(self) -> float:
        """Time taken so far."""
        return self._session.seconds

    @property
    def state(self) -> dict[str, Any]:
        """All that the session remembers."""
        return self._session.state
