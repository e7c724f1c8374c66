"""Small models of motions and of events, and clips for them."""

from typing import Any

import numpy as np
import pytest

from elman.data import Clip, Event, motion_clips
from elman.tasks import Video

DIGIT = np.full((1, 8, 8), 255, np.uint8)
SMALL: dict[str, Any] = {
    **{"hidden_size": 12, "channels": 4, "features": 16, "epochs": 30, "batch_size": 8},
    **{"lr": 0.02, "device": "cpu"},
}

EVENTS: dict[str, Any] = {
    **{"kind": "events", "hidden_size": 16, "channels": 4, "features": 16, "epochs": 30},
    **{"batch_size": 4, "lr": 0.02, "window": 32, "device": "cpu", "restarts": 0},
}
BRIGHT = 200


def motions(count: int, seed: int = 0, frames: int = 5) -> tuple[Any, list[str]]:
    """A square that moves in a field of 16 x 16, or grows, or shrinks."""
    return motion_clips(DIGIT, count, frames=frames, size=16, seed=seed)


def ragged(count: int, seed: int = 0) -> tuple[list[Any], list[str]]:
    """The same clips, of 3 to 7 frames."""
    pairs = [motions(8, seed + i, 3 + i % 5) for i in range(-(-count // 8))]
    clips = [clip for part, _ in pairs for clip in part][:count]
    return clips, [label for _, labels in pairs for label in labels][:count]


def trained(**settings: Any) -> Video:
    return Video(**{**SMALL, **settings}).fit(ragged(80), progress=False)


def blinking(count: int, seed: int = 0, frames: int = 60) -> tuple[list[Clip], Any]:
    """Videos that are bright in the upper or the lower half for a second or two, 10 frames a
    second."""
    draw = np.random.default_rng(seed)
    clips, events = [], []
    for _ in range(count):
        clip = draw.integers(0, 30, (frames, 12, 12)).astype(np.uint8)
        own, t = [], int(draw.integers(3, 12))
        while (end := t + int(draw.integers(8, 20))) < frames - 3:
            label = ["high", "low"][draw.integers(2)]
            clip[t:end, :6] += np.uint8(BRIGHT * (label == "high"))
            clip[t:end, 6:] += np.uint8(BRIGHT * (label == "low"))
            own.append(Event(label, t / 10, end / 10))
            t = end + int(draw.integers(6, 15))
        clips.append(Clip(clip, rate=10))
        events.append(own)
    return clips, events


def trained_on_events(**settings: Any) -> Video:
    return Video(**{**EVENTS, **settings}).fit(blinking(12), progress=False)


@pytest.fixture(scope="session")
def task() -> Video:
    """A trained classifier, both ways."""
    return trained()


@pytest.fixture(scope="session")
def forwards() -> Video:
    """A trained classifier that reads forwards only."""
    return trained(bidirectional=False, pooling="attention")


@pytest.fixture(scope="session")
def finder() -> Video:
    """A trained model of events, both ways."""
    return trained_on_events()


@pytest.fixture(scope="session")
def forward_finder() -> Video:
    """A trained model of events that reads forwards only."""
    return trained_on_events(bidirectional=False)
