"""Listen while one speaks."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.sound.audio import Resampler
from elman.data.sound.samples import as_array, checked, scale_problem
from elman.decode.hypothesis import Hypothesis
from elman.errors import DataError, SettingsError
from elman.tasks.speech.frontend import Array
from elman.tasks.speech.network import LookAhead
from elman.tasks.speech.segments import Segments, joined

if TYPE_CHECKING:
    from elman.tasks.speech.task import Speech


class Listener:
    """From sound, or ready features, as they come to the network's scores of each step.

    Put together, they are those of the whole recording at once but for rounding (1e-5).
    """

    def __init__(self, task: "Speech", rate: int | None = None) -> None:
        acoustic = task.acoustic
        if task.settings.waits:
            raise SettingsError(
                "this model listens from the end, too, and can say nothing before: train one with"
                " bidirectional off, or with look_ahead"
            )
        if acoustic is None and rate is not None:
            raise SettingsError(f"rate={rate}: this model reads ready features, not sound")
        self._model, self._device = task.model, task.device
        head: Any = task.model.head
        self._width: int = head.output_size
        self._sound = None
        if acoustic is not None:
            self._sound = Resampler(acoustic.rate if rate is None else rate, acoustic.rate)
            self._features = acoustic.online()
        self._front = task.front.stream()
        ahead = task.model.recurrent
        self._ahead = ahead.stream() if isinstance(ahead, LookAhead) else None
        self._state: Any = None

    def accept(self, sound: NDArray[Any]) -> Array:
        """The log probabilities, (n, V) float32, that are known after more sound; n may be 0.

        **Arguments:** `sound`: samples (N,), floats from -1 to 1 or integers of 8, 16 or 32 bits;
        or features (t, F). Of any length, also 0.
        """
        return self._network(self._front.accept(self._frames(as_array(sound, "the sound"))))

    def finish(self) -> Array:
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

    @torch.inference_mode()
    def _network(self, steps: Array, *, last: bool = False) -> Array:
        model = self._model
        if not len(steps) and (self._ahead is None or not last):
            return np.empty((0, self._width), np.float32)
        x = model.encoder(torch.from_numpy(steps).unsqueeze(1).to(self._device))
        if self._ahead is None:
            output, self._state = model.recurrent(x, self._state)
        else:
            output = self._ahead.accept(x, last=last)
        if not len(output):
            return np.empty((0, self._width), np.float32)
        scores: Array = model.head(output).squeeze(1).cpu().numpy()
        return scores


class Session:
    """Text while one speaks; `Speech.stream` makes it. Its memory does not grow with the sound.

    **Attributes:**

    - `segments`: the hypotheses of what was said before each pause, as they end.
    - `seconds`: time taken so far.
    """

    def __init__(self, task: "Speech", listener: Listener, segments: Segments) -> None:
        self._task, self._listener, self._decoding = task, listener, segments
        self.segments: list[Hypothesis] = []
        self.seconds = 0.0
        self._done = False

    def accept(self, sound: NDArray[Any]) -> str:
        """Hear more; the text so far since the last pause.

        **Arguments:** `sound`: samples (N,), floats from -1 to 1 or integers of 8, 16 or 32 bits,
        at the rate that the session was made for; or, of a model that reads them, features (t, F).
        """
        if self._done:
            raise SettingsError("this session is finished: make another one by stream()")
        start = time.perf_counter()
        self._take(self._decoding.accept(self._listener.accept(sound)))
        text = self._decoding.partial
        self.seconds += time.perf_counter() - start
        return text

    def finish(self) -> Hypothesis:
        """The whole text, after the last sound."""
        if not self._done:
            start = time.perf_counter()
            self._take(self._decoding.accept(self._listener.finish()))
            self._take([self._decoding.finish()])
            self.seconds += time.perf_counter() - start
            self._done = True
        return joined([[each] for each in self.segments], self._task.alphabet)[0]

    def _take(self, ended: Iterable[list[Hypothesis]]) -> None:
        self.segments += [best[0] for best in ended if best[0].text]
