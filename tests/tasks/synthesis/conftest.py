"""Ink of a made pen, and small models that write it."""

from typing import Any

import numpy as np
import pytest

from elman.data import Ink
from elman.tasks import Synthesis

SHAPES = {
    "l": [[(0, 0), (0.1, 0.3), (0, 1)]],
    "v": [[(0, 0), (0.3, 1), (0.6, 0)]],
    "x": [[(0, 0), (0.5, 1)], [(0.5, 0), (0, 1)]],
}
SMALL: dict[str, Any] = {"hidden_size": 24, "components": 3, "lr": 0.02, "ema": 0, "warmup": 0}


def cross(width: int) -> Ink:
    """Two strokes on a grid of whole numbers."""
    return Ink.of_strokes([[(0, 0), (width, 9)], [(width, 0), (0, 9)]])


def word(text: str, random: np.random.Generator) -> Ink:
    """A text of the letters of `SHAPES`, side by side."""
    strokes = [
        np.array(stroke) + np.array([0.8 * place, 0]) + random.normal(0, 0.02, (len(stroke), 2))
        for place, letter in enumerate(text)
        for stroke in SHAPES[letter]
    ]
    return Ink.of_strokes(strokes)


def words(count: int, seed: int = 0) -> list[tuple[Ink, str]]:
    """Words of one to three letters."""
    random = np.random.default_rng(seed)
    texts = ["".join(random.choice(list(SHAPES), random.integers(1, 4))) for _ in range(count)]
    return [(word(text, random), text) for text in texts]


@pytest.fixture(scope="session")
def writer() -> Synthesis:
    """A model of crosses, without texts."""
    task = Synthesis(**SMALL, epochs=25)
    return task.fit([cross(width) for width in range(3, 9)] * 10, progress=False)


@pytest.fixture(scope="session")
def text_writer() -> Synthesis:
    """A model of words."""
    task = Synthesis(**SMALL, epochs=25, batch_size=10)
    return task.fit(words(150), words(20, seed=1), progress=False)
