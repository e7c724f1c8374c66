"""Symbols and words drawn by a made pen, and small models of both."""

from typing import Any

import numpy as np
import pytest

from elman.data import Ink, Inks
from elman.data.ink.joined import joined_lines
from elman.tasks import Handwriting

SHAPES = {
    "-": [[(0, 4), (8, 4)]],
    "l": [[(2, 0), (2, 8)]],
    "v": [[(0, 0), (3, 8), (6, 0)]],
    "x": [[(0, 0), (6, 8)], [(6, 0), (0, 8)]],
}
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_layers": 1,
    "batch_size": 8,
    "lr": 0.02,
    "warmup": 0,
    "dropout": 0,
    "output_dropout": 0,
    "baselines": False,
    "ema": 0,
}


def drawn(shape: str, random: np.random.Generator, size: float = 1.0) -> Ink:
    """A symbol as some hand draws it."""
    strokes = [np.array(stroke, float) for stroke in SHAPES[shape]]
    return Ink.of_strokes([s * size + random.normal(0, 0.1 * size, s.shape) for s in strokes])


def symbols(count: int, seed: int = 0) -> Inks:
    """Samples of all shapes by four writers."""
    random = np.random.default_rng(seed)
    texts = [list(SHAPES)[i % len(SHAPES)] for i in range(count)]
    writers = [f"w{i // len(SHAPES) % 4}" for i in range(count)]
    inks = [drawn(text, random) for text in texts]
    return Inks(inks, texts, writers, [f"sample {i}" for i in range(count)])


@pytest.fixture(scope="session")
def reader() -> Handwriting:
    """A model of symbols."""
    task = Handwriting(**SMALL, epochs=12, resolution=6)
    return task.fit(symbols(96), symbols(16, seed=1), progress=False)


@pytest.fixture(scope="session")
def lines() -> Inks:
    """Words of up to four symbols."""
    random = np.random.default_rng(5)
    texts = ["".join(random.choice(list("lvx"), random.integers(1, 5))) for _ in range(160)]
    return joined_lines(symbols(80), texts, seed=2)


@pytest.fixture(scope="session")
def text_reader(lines: Inks) -> Handwriting:
    """A model of texts."""
    task = Handwriting(**{**SMALL, "batch_size": 16}, kind="text", epochs=60, resolution=6)
    return task.fit(lines, lines.select(range(20)), progress=False)
