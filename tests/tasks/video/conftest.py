"""A small classifier of motions, and clips for it."""

from typing import Any

import numpy as np
import pytest

from elman.data import motion_clips
from elman.tasks import Video

DIGIT = np.full((1, 8, 8), 255, np.uint8)
SMALL: dict[str, Any] = {
    **{"hidden_size": 12, "channels": 4, "features": 16, "epochs": 30, "batch_size": 8},
    **{"lr": 0.02, "device": "cpu"},
}


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


@pytest.fixture(scope="session")
def task() -> Video:
    """A trained classifier, both ways."""
    return trained()


@pytest.fixture(scope="session")
def forwards() -> Video:
    """A trained classifier that reads forwards only."""
    return trained(bidirectional=False, pooling="attention")
