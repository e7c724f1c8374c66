"""One clip as a file, a list or a dataset gives it."""

from typing import Any, NamedTuple

from elman.data.video.clip import Clip


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
    - `group`: what it was cut from: clips of one group are never parted by a split.
    - `events`: what happens in it; None if unknown.
    """

    clip: Clip | str
    name: str
    label: Any = None
    group: str = ""
    events: tuple[Event, ...] | None = None
