"""One clip as a file, a list or a dataset gives it."""

import math
from typing import Any, NamedTuple

from elman.data.values import shown, text_of
from elman.data.video.clip import Clip
from elman.errors import DataError


class Event(NamedTuple):
    """What happens in a clip, and when, in seconds from the clip's start."""

    label: str
    start: float
    end: float


class Sample(NamedTuple):
    """A clip, or why there is none, with what the source says of it.

    **Fields:**

    - `clip`: the clip, or the reason in words.
    - `name`: where it comes from, as `clips.csv:12`.
    - `label`: its label, or several of them; None if unknown.
    - `group`: what it was cut from: clips of one group are never separated by a split.
    - `events`: what happens in it; None if unknown.
    """

    clip: Clip | str
    name: str
    label: Any = None
    group: str = ""
    events: tuple[Event, ...] | None = None


def event_of(value: Any, name: str) -> Event:
    """An event of a label, a start and an end in seconds; `DataError` names the clip.

    >>> event_of(["jump", 1, 2.5], "clip 0")
    Event(label='jump', start=1.0, end=2.5)
    """
    try:
        label, start, end = value
        found = Event(str(text_of(label)).strip(), float(start), float(end))
    except (TypeError, ValueError):
        raise DataError(
            f"{name}: the event {shown(value)} is not a label, a start and an end in seconds"
        ) from None
    if not found.label:
        raise DataError(f"{name}: the event {shown(value)} has no label")
    if not 0 <= found.start < found.end < math.inf:
        raise DataError(f"{name}: an event cannot last from {found.start:g} s to {found.end:g} s")
    return found
