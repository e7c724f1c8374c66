"""Classify a clip while its frames arrive."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from elman.data.video.frame_format import Frame
from elman.errors import SettingsError
from elman.tasks.ensemble import networks
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, restoring
from elman.tasks.steps import Run, Steps, alone
from elman.tasks.video.frame_reader import encoded
from elman.tasks.video.intake import FrameIntake
from elman.tasks.video.motion import FIGURES, RunningMotion
from elman.train.inference import inference
from elman.train.tree import map_tensors, move

if TYPE_CHECKING:
    from elman.tasks.video.classifying import Classifying
    from elman.tasks.video.task import Video

_EVERY = 8  # frames, at least, between two readings of the whole
_GROWTH = 8  # the whole is read again when it is longer by an eighth


class Seen(NamedTuple):
    """What one network remembers: the recurrent state and what pooling needs, or all features."""

    features: Tensor | None  # (T, 1, F); of networks that read both ways
    recurrent: tuple[Tensor, ...] = ()
    pooling: dict[str, Tensor] | None = None


class VideoSession:
    """Frames as a camera gives them; `Video.session` makes it.

    Each frame is encoded once. A network that reads forwards only steps on with it, in memory that
    does not grow. One that reads both ways keeps the features of all frames and reads these again
    when 8 new ones have come and they are an eighth more; between, the answer is the one before.
    The answer at the end is that of `predict`.
    """

    def __init__(
        self, task: "Video", *, rate: float | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._task, self._known = task, task.preprocessing
        self._intake = FrameIntake(self._known.format, rate)
        self._networks: list[Any] = list(networks(task.model))
        self._runs = not task.settings.bidirectional
        self._seen: list[Seen | None] = [None] * len(self._networks)
        self._before: Tensor | None = None  # the last frame, scaled, (1, C, H, W)
        self._motion = RunningMotion()
        self._answered = 0
        self._value: str | tuple[str, ...] | None = None
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._restore(state)

    def accept(self, frames: Any) -> Update:
        """Take one frame or more and say what the clip so far shows; None before the first.

        **Arguments:** `frames`: (n, H, W) or (n, H, W, C), or one frame, (H, W) or (H, W, C), of
        uint8 or floats from 0 to 1; they may be of any size.
        """
        return alone(self.accepting(frames))

    def accepting(self, frames: Any) -> Steps[Update]:
        """As `accept`, for a server that computes for many sessions."""
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        taken = self._intake.take(frames)
        if len(taken):
            yield from self._read(taken)
            if self._known.motion is not None:
                self._motion.take(taken)
        waits = max(_EVERY, self._answered // _GROWTH)
        if self._intake.taken and (self._value is None or self._runs or self._since >= waits):
            self._value, self._answered = self._answer().value, self._intake.taken
        return Update(self._value)

    def answer(self) -> Prediction:
        """The answer for the clip so far, with its probability; an `error` before any frame."""
        return self._answer() if self._intake.taken else Prediction(None, "no frame has arrived")

    def finish(self) -> Prediction:
        """The answer for the whole clip; an `error` where no frame has arrived."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`; nothing is left to be computed with others."""
        yield from ()
        self._finished = True
        return self.answer()

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, for `session(state=...)`."""
        found: dict[str, Any] = {**origin(self._task), **self._intake.state}
        found |= {"answered": self._answered, "value": self._value, "finished": self._finished}
        if self._before is not None:
            found["before"] = self._before
        if self._known.motion is not None:
            found["last_frame"] = torch.from_numpy(self._motion.last)
            found["motion"] = torch.from_numpy(self._motion.rows)
        for i, seen in enumerate(self._seen):
            if seen is not None:
                found |= _named(i, seen)
        return map_tensors(lambda tensor: tensor.detach().cpu().clone(), found)  # type: ignore[no-any-return]

    @property
    def _since(self) -> int:
        return self._intake.taken - self._answered

    def _read(self, frames: Frame) -> Steps[None]:
        """Encode frames (n, H, W, C) and step on."""
        seen, last = list(self._seen), self._before
        for i, network in enumerate(self._networks):
            features, last = encoded(network, frames, self._before)
            seen[i] = yield from self._stepped(network, features, seen[i])
        self._seen, self._before = seen, last

    def _stepped(self, network: Any, features: Tensor, seen: Seen | None) -> Steps[Seen]:
        if not self._runs:
            earlier = [] if seen is None or seen.features is None else [seen.features]
            return Seen(torch.cat([*earlier, features]))
        before = () if seen is None else seen.recurrent
        output, state = yield Run(network.recurrent, features, before)
        with inference(network):
            pooling = network.head.pooling.gather(output, None if seen is None else seen.pooling)
        return Seen(None, state, pooling)

    def _answer(self) -> Prediction:
        task = self._task
        with inference(task.model):
            pairs = zip(self._networks, self._seen, strict=True)
            part = cast("Classifying", task._part)
            motion = self._known.motion
            linear = None if motion is None else motion.scores([self._motion.energy])
            outputs = [
                part.as_outputs(
                    network, network.head.with_linear(self._scores(network, seen), linear)
                )
                for network, seen in pairs
            ]
            found = task.average(outputs) if len(outputs) > 1 else outputs[0]
        output = move(found[0], torch.device("cpu"))
        answer: Prediction = task.decode([output], self._known, {})[0]
        return answer

    def _scores(self, network: Any, seen: Seen | None) -> Tensor:
        assert seen is not None
        if seen.features is None:
            assert seen.pooling is not None
            pooled = network.head.pooling.pooled(seen.pooling)
            return cast("Tensor", network.head.score(pooled))
        output, _ = network.recurrent(seen.features)
        return cast("Tensor", network.head(output))

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._intake.restore(state)
        self._answered, self._finished = int(state["answered"]), bool(state["finished"])
        value = state["value"]
        self._value = tuple(value) if isinstance(value, list) else value
        device = self._task.device
        if self._intake.taken:
            self._before = state["before"].to(device)
        if self._known.motion is not None:
            self._motion.last = state["last_frame"].numpy()
            self._motion.rows = state["motion"].numpy().reshape(-1, FIGURES)
        for i in range(len(self._networks)):
            own = {
                name.removeprefix(f"{i}."): tensor.to(device)
                for name, tensor in state.items()
                if name.startswith(f"{i}.")
            }
            if own:
                self._seen[i] = _seen_of(own)


def _named(number: int, seen: Seen) -> dict[str, Tensor]:
    found = {f"{number}.recurrent.{i}": tensor for i, tensor in enumerate(seen.recurrent)}
    found |= {f"{number}.pooling.{name}": each for name, each in (seen.pooling or {}).items()}
    return found if seen.features is None else {f"{number}.features": seen.features}


def _seen_of(own: Mapping[str, Tensor]) -> Seen:
    if "features" in own:
        return Seen(own["features"])
    count = sum(name.startswith("recurrent.") for name in own)
    recurrent = tuple(own[f"recurrent.{i}"] for i in range(count))
    names = [name for name in own if name.startswith("pooling.")]
    return Seen(None, recurrent, {name.removeprefix("pooling."): own[name] for name in names})
