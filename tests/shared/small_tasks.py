"""Tiny tasks of every kind, with data to train on and other data to go on with."""

from typing import Any

import numpy as np

from elman.data import Audio
from elman.tasks import Classify, Forecast, Language, Speech

SMALL: dict[str, Any] = {"hidden_size": 6, "epochs": 2, "batch_size": 4, "device": "cpu"}


def say(text: str) -> Audio:
    time = np.arange(600) / 8000
    hertz = [{"a": 400, "b": 1500}.get(letter, 0) for letter in f" {text} "]
    tones = [np.sin(2 * np.pi * each * time) for each in hertz]
    return Audio(np.concatenate(tones).astype(np.float32) / 2, 8000)


def sales(start: str, names: str = "ab", days: int = 60) -> dict[str, Any]:
    first = np.datetime64(start)
    return {
        "unique_id": [name for name in names for _ in range(days)],
        "ds": [first + np.timedelta64(i, "D") for _ in names for i in range(days)],
        "y": [10.0 + i % 7 + 5 * k for k in range(len(names)) for i in range(days)],
    }


def vectors(seed: int) -> Any:
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(5, 2)).astype(np.float32) for _ in range(12)], ["x", "y", "z"] * 4


MADE: dict[str, tuple[Any, dict[str, Any], Any, Any]] = {
    "classify": (
        Classify,
        {"embedding_size": 4},
        (["good film", "bad film", "a fine play"] * 4, ["+", "-", "+"] * 4),
        (["bad play", "good music"] * 4, ["-", "+"] * 4),
    ),
    "vectors": (Classify, {}, vectors(0), (vectors(1)[0], ["x", "z"] * 6)),
    "language": (
        Language,
        {"embedding_size": 4, "chunk_length": 8},
        ["the cat sat on the mat. " * 10],
        ["the hat. " * 30],
    ),
    "speech": (
        Speech,
        {"num_layers": 1, "speed": 0},
        [(say(text), text) for text in ["a", "b", "ab a", "ba"] * 3],
        [(say(text), text) for text in ["b", "ba"] * 4],
    ),
    "forecast": (Forecast, {"horizon": 3}, sales("2024-01-01"), sales("2025-03-03", "c")),
}
