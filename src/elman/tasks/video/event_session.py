"""Find the events of a video while its frames arrive."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.errors import SettingsError
from elman.tasks.ensemble import networks
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, part, prefixed, restoring
from elman.tasks.steps import Steps, alone
from elman.tasks.video.event_tracker import FoundEvent, by_start
from elman.tasks.video.frame_reader import FrameReader
from elman.tasks.video.heads import Scored, mean_scored
from elman.tasks.video.intake import FrameIntake
from elman.train.tree import map_tensors

if TYPE_CHECKING:
    from elman.tasks.video.task import Video


@dataclass(frozen=True)
class EventUpdate(Update):
    """Of a session that finds events: `value` are all that have ended, in the order of their
    starts, `new` those that ended since the last update, and `running` the labels of those that
    have begun."""

    running: tuple[str, ...] = ()


class EventSession:
    """Frames as a camera gives them; `Video.session` makes it.

    An event is reported when it has ended, as by `predict`. A network that only reads forwards
    knows that as soon as the pause after it is long enough; one that reads both ways up to a
    window of frames later.
    """

    def __init__(
        self, task: "Video", *, rate: float | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        known, settings = task.preprocessing, task.settings
        self._task = task
        self._intake = FrameIntake(known.format, rate)
        self._networks: list[Any] = list(networks(task.model))
        self._readers = [
            FrameReader(each, window=settings.window, is_forward=not settings.bidirectional)
            for each in self._networks
        ]
        thresholds = mean_scored([Scored(each, each) for each in self._thresholds]).thresholds
        self._tracker = known.tracker(thresholds)
        self._found: list[FoundEvent] = []
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._restore(state)

    def accept(self, frames: Any) -> EventUpdate:
        """Take one frame or more; the events that ended, and those that run.

        **Arguments:** `frames`: (n, H, W) or (n, H, W, C), or one frame, (H, W) or (H, W, C), of
        uint8 or floats from 0 to 1; they may be of any size.
        """
        update = alone(self.accepting(frames))
        assert isinstance(update, EventUpdate)
        return update

    def accepting(self, frames: Any) -> Steps[Update]:
        """As `accept`, for a server that computes for many sessions."""
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        taken = self._intake.take(frames)
        new: list[FoundEvent] = []
        if len(taken):
            new = yield from self._tracked([each.read(taken) for each in self._readers])
        return self._updated(new)

    def finish(self) -> Prediction:
        """All events, those that last until the end included; an `error` where no frame came."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`, for a server that computes for many sessions."""
        if not self._finished:
            rest = yield from self._tracked([each.finish() for each in self._readers])
            self._updated([*rest, *self._tracker.finish()])
        self._finished = True
        if not self._intake.taken:
            return Prediction(None, "no frame has arrived", columns=("events", "name"))
        return Prediction(self.found, columns=("events", "name"))

    @property
    def found(self) -> tuple[FoundEvent, ...]:
        """All events that have ended, in the order of their starts."""
        return tuple(self._found)

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, for `session(state=...)`."""
        found: dict[str, Any] = {**origin(self._task), **self._intake.state}
        found |= {"tracker": self._tracker.state, "finished": self._finished}
        found["events"] = [list(astuple(each)) for each in self._found]
        for i, reader in enumerate(self._readers):
            found |= prefixed(f"{i}", reader.state)
        return map_tensors(lambda tensor: tensor.detach().cpu().clone(), found)  # type: ignore[no-any-return]

    @property
    def _thresholds(self) -> list[Tensor]:
        return [each.head.thresholds for each in self._networks]

    def _tracked(self, readings: list[Steps[Tensor]]) -> Steps[list[FoundEvent]]:
        """The events that have ended, after what each network reads."""
        scored = []
        for reading, thresholds in zip(readings, self._thresholds, strict=True):
            scores = yield from reading
            scored += [Scored(scores.to(thresholds.device), thresholds)]
        found: list[FoundEvent] = self._tracker.track(
            mean_scored(scored).scores.sigmoid().cpu().numpy()
        )
        return found

    def _updated(self, new: list[FoundEvent]) -> EventUpdate:
        if new:
            self._found = sorted([*self._found, *new], key=by_start)
        return EventUpdate(self.found, tuple(new), self._tracker.running)

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._intake.restore(state)
        self._tracker.restore(state["tracker"])
        self._finished = bool(state["finished"])
        self._found = [FoundEvent(*each) for each in state["events"]]
        for i, reader in enumerate(self._readers):
            reader.restore(part(f"{i}", state), self._task.device)
