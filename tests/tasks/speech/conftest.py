"""Speech of tones: a, b and c are high, higher and highest, in 30 ms of faint noise around."""

from collections.abc import Callable

import numpy as np
import pytest

from elman.data import Audio
from elman.tasks import Speech

TONES = {"a": 500, "b": 1200, "c": 2400}
RATE = 8000
SMALL = {
    "hidden_size": 32,
    "num_layers": 1,
    "epochs": 20,
    "lr": 0.02,
    "batch_size": 4,
    "bidirectional": False,
    "bins": 20,
    "ngram": 2,
    "beam": 4,
    "lm_weight": 0.5,
    "word_bonus": 1.0,
    **dict.fromkeys(("dropout", "input_dropout", "output_dropout", "speed"), 0.0),
    **dict.fromkeys(("time_masks", "feature_masks"), 0),
}


def _say(text: str, seed: int = 0, pause: float = 0.05) -> Audio:
    """A text of the letters a, b and c and spaces."""
    random = np.random.default_rng([seed, *text.encode()])
    quiet = np.zeros(round(pause * RATE))
    parts = [quiet]
    for character in text:
        tone = np.zeros(800)
        if character != " ":
            tone = np.sin(2 * np.pi * TONES[character] * np.arange(800) / RATE) / 2
        parts += [tone, np.zeros(400)]
    sound = np.concatenate([*parts, quiet, np.zeros(800)])
    return Audio((sound + 0.01 * random.standard_normal(len(sound))).astype(np.float32), RATE)


def _texts(count: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    words = ["ab", "bc", "cab", "ca"]
    return [" ".join(random.choice(words, random.integers(1, 5))) for _ in range(count)]


def _spoken(count: int, seed: int = 0) -> list[tuple[Audio, str]]:
    return [
        (_say(text, i, 0.05 if i % 3 else 0.5), text) for i, text in enumerate(_texts(count, seed))
    ]


def _learnt(**settings: object) -> Speech:
    return Speech(**{**SMALL, **settings}).fit(_spoken(40), _spoken(8, 1), progress=False)


@pytest.fixture(scope="session")
def say() -> Callable[..., Audio]:
    return _say


@pytest.fixture(scope="session")
def spoken() -> Callable[..., list[tuple[Audio, str]]]:
    return _spoken


@pytest.fixture(scope="session")
def learnt() -> Callable[..., Speech]:
    return _learnt


@pytest.fixture(scope="session")
def forward() -> Speech:
    """A model that can stream."""
    return _learnt()


@pytest.fixture(scope="session")
def both() -> Speech:
    """A model that listens to the whole recording."""
    return _learnt(bidirectional=True)


@pytest.fixture(scope="session")
def transducer() -> Speech:
    """A transducer that can stream."""
    return _learnt(loss="transducer", ngram=0)


@pytest.fixture(scope="session")
def ahead() -> Speech:
    """A model whose backward half sees a quarter of a second."""
    return _learnt(bidirectional=True, look_ahead=0.25, num_layers=2, deltas=1)
