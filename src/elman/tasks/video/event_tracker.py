"""From the probability of each label at each frame to events with a start and an end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data import Event

_RARE = 0.05  # quantile of durations and pauses that counts as the shortest


@dataclass(frozen=True)
class FoundEvent:
    """An event that a model finds: label, start and end in seconds, and the mean probability of its
    frames."""

    label: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class EventRules:
    """What is no event of a label.

    - `shortest`: frames of a run below which it is left out, (labels,).
    - `pause`: frames without a label up to which the runs around them are one, (labels,).
    - `exclusive`: whether a frame has its most likely label alone.

    >>> events = [(Event("a", 0.0, 4.0), Event("a", 10.0, 16.0))]
    >>> EventRules.learn(events, ["a"], rate=2.0)
    EventRules(shortest=(4,), pause=(4,), exclusive=True)
    """

    shortest: tuple[int, ...]
    pause: tuple[int, ...]
    exclusive: bool = False

    @classmethod
    def learn(
        cls, events: Sequence[tuple[Event, ...]], labels: Sequence[str], rate: float
    ) -> "EventRules":
        """Half of the shortest events of each label in videos; pauses up to the same, and to half
        of the shortest pause; exclusive where no events of two labels overlap."""
        shortest, pause = [], []
        for label in labels:
            own = [[each for each in video if each.label == label] for video in events]
            lengths = [each.end - each.start for video in own for each in video]
            between = [b.start - a.end for video in own for a, b in pairwise(video)]
            between = [each for each in between if each > 0]
            least = _half(lengths, rate)
            shortest.append(max(1, least))
            pause.append(min(least, _half(between, rate)) if between else least)
        apart = all(a.end <= b.start for video in events for a, b in pairwise(video))
        return cls(tuple(shortest), tuple(pause), apart)

    def applied(self, probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
        """Probabilities (T, labels); where labels are exclusive 0 for all but the most likely."""
        if not self.exclusive:
            return probabilities
        highest = probabilities.max(1, keepdims=True)
        return np.where(probabilities == highest, probabilities, 0.0)

    def select(self, label: int) -> "EventRules":
        """Those of one label."""
        return EventRules(self.shortest[label : label + 1], self.pause[label : label + 1])


class _Run(NamedTuple):
    """Frames from `start` to `end`, and the sums of all probabilities before each."""

    start: int
    end: int
    sum_start: float
    sum_end: float


class EventTracker:
    """Finds events in frames that come piece by piece, in memory that does not grow.

    **Arguments:** `labels`; `thresholds`: the probability above which a frame has each, (labels,);
    `rate`: frames a second.

    >>> tracker = EventTracker(["a"], np.array([0.5]), EventRules((2,), (1,)), rate=2.0)
    >>> told = [0.1, 0.9, 0.9, 0.1, 0.9, 0.2, 0.1, 0.8, 0.1, 0.1]
    >>> tracker.track(np.array(told)[:, None]), tracker.finish()
    ([FoundEvent(label='a', start=0.5, end=2.5, confidence=0.7)], [])
    """

    def __init__(
        self,
        labels: Sequence[str],
        thresholds: NDArray[np.floating],
        rules: EventRules,
        rate: float,
    ) -> None:
        self.labels, self.thresholds = labels, np.asarray(thresholds, np.float64)
        self.rules, self.rate = rules, rate
        self.count = 0
        self._sums = np.zeros(len(labels))
        self._open: list[_Run | None] = [None] * len(labels)

    def track(self, probabilities: NDArray[np.floating]) -> list[FoundEvent]:
        """Take those of more frames, (n, labels); the events that have ended, in the order of
        their ends."""
        values = self.rules.applied(np.asarray(probabilities, np.float64))
        sums = self._sums + np.vstack([np.zeros(len(self.labels)), values.cumsum(0)])
        is_told = np.zeros((len(values) + 2, len(self.labels)), np.int8)
        is_told[1:-1] = values > self.thresholds
        change = np.diff(is_told, axis=0)
        found: list[FoundEvent] = []
        for label in range(len(self.labels)):
            starts, ends = (np.flatnonzero(change[:, label] == sign) for sign in (1, -1))
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                run = _Run(
                    *(self.count + start, self.count + end),
                    *(float(sums[start, label]), float(sums[end, label])),
                )
                found += self._joined(label, run)
        self.count += len(values)
        self._sums = sums[-1]
        for label, own in enumerate(self._open):
            if own is not None and self.count - own.end > self.rules.pause[label]:
                found += self._closed(label)
        return sorted(found, key=_by_end)

    def finish(self) -> list[FoundEvent]:
        """The events that last until the end."""
        found = [each for label in range(len(self.labels)) for each in self._closed(label)]
        return sorted(found, key=_by_end)

    @property
    def running(self) -> tuple[str, ...]:
        """The labels of events that have not ended, as far as is known."""
        shortest = self.rules.shortest
        return tuple(
            self.labels[i]
            for i, own in enumerate(self._open)
            if own is not None and own.end - own.start >= shortest[i]
        )

    @property
    def state(self) -> dict[str, Any]:
        """Plain values to continue from."""
        return {
            "count": self.count,
            "sums": self._sums.tolist(),
            "open": [None if own is None else list(own) for own in self._open],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from those of another one."""
        self.count, self._sums = int(state["count"]), np.array(state["sums"], np.float64)
        if len(state["open"]) != len(self.labels) or self._sums.shape != (len(self.labels),):
            raise ValueError("the state is of other labels")
        self._open = [
            None if own is None else _Run(int(own[0]), int(own[1]), float(own[2]), float(own[3]))
            for own in state["open"]
        ]

    def _joined(self, label: int, run: _Run) -> list[FoundEvent]:
        """Take another run: the event before it, if it has ended."""
        own = self._open[label]
        if own is not None and run.start - own.end <= self.rules.pause[label]:
            self._open[label] = own._replace(end=run.end, sum_end=run.sum_end)
            return []
        found = self._closed(label)
        self._open[label] = run
        return found

    def _closed(self, label: int) -> list[FoundEvent]:
        own, self._open[label] = self._open[label], None
        if own is None or own.end - own.start < self.rules.shortest[label]:
            return []
        mean = (own.sum_end - own.sum_start) / (own.end - own.start)
        start, end = (round(frame / self.rate, 3) for frame in (own.start, own.end))
        return [FoundEvent(self.labels[label], start, end, round(mean, 4))]


def events_in(
    probabilities: NDArray[np.floating],
    thresholds: NDArray[np.floating],
    labels: Sequence[str],
    rules: EventRules,
    rate: float,
) -> list[FoundEvent]:
    """The events of a whole video, (T, labels), in the order of their starts."""
    tracker = EventTracker(labels, thresholds, rules, rate)
    return sorted([*tracker.track(probabilities), *tracker.finish()], key=by_start)


def by_start(event: FoundEvent) -> tuple[float, float, str]:
    """What events are sorted by."""
    return event.start, event.end, event.label


def at_frames(
    events: Sequence[Event | FoundEvent], labels: Sequence[str], count: int, rate: float
) -> NDArray[np.bool_]:
    """Which labels each frame has, (T, labels): those of the events in which its middle lies; an
    event that is shorter has one frame.

    >>> at_frames([Event("a", 0.4, 1.2)], ["a"], 4, rate=2.0)[:, 0].tolist()
    [False, True, False, False]
    """
    index = {label: i for i, label in enumerate(labels)}
    found = np.zeros((count, len(labels)), bool)
    for event in events:
        start, end = (round(time * rate + 1e-6) for time in (event.start, event.end))
        found[start : max(end, start + 1), index[event.label]] = True
    return found


def _by_end(event: FoundEvent) -> tuple[float, float, str]:
    return event.end, event.start, event.label


def _half(seconds: Sequence[float], rate: float) -> int:
    """Half of the shortest of them, in frames."""
    return int(np.quantile(seconds, _RARE) * rate / 2) if len(seconds) else 0
