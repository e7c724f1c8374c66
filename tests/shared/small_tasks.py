"""Tiny tasks of every kind, with data to train on and other data to go on with."""

from typing import Any

import numpy as np

from elman.data import Audio, Clip, Ink, Inks, motion_clips, motion_events
from elman.tasks import (
    Classify,
    Forecast,
    Handwriting,
    Language,
    Signature,
    Speech,
    Synthesis,
    Video,
)

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


def drawn(seed: int, count: int = 16) -> Inks:
    """Dashes and hooks by four writers."""
    draw = np.random.default_rng(seed)
    lines = {"-": [(0, 0), (9, 0)], "v": [(0, 0), (3, 9), (6, 0)]}
    texts = ["-v"[i % 2] for i in range(count)]
    inks = [Ink.of_strokes([np.array(lines[t]) + draw.normal(0, 0.3, (1, 2))]) for t in texts]
    return Inks(
        inks, texts, [f"w{i // 2 % 4}" for i in range(count)], [f"ink {i}" for i in range(count)]
    )


def signed(first: int, persons: int = 6) -> Inks:
    """Six genuine signatures and two forgeries of each person."""
    draw = np.random.default_rng(first)
    time = np.linspace(0, 3, 60)
    inks, labels, writers = [], [], []
    for person in range(first, first + persons):
        for i in range(8):
            bend = 1.0 if i < 6 else 1.3
            points = np.stack([time + np.sin(bend * person * time), np.cos(person * time)], 1)
            points += draw.normal(0, 0.02, points.shape)
            inks.append(Ink.of_strokes([points], time=time))
            labels.append("genuine" if i < 6 else "forgery")
            writers.append(f"p{person}")
    return Inks(inks, labels, writers, [f"signature {i}" for i in range(len(inks))])


def moving(seed: int) -> tuple[Any, list[str]]:
    """Squares that move."""
    return motion_clips(np.full((1, 6, 6), 255, np.uint8), 16, frames=4, size=12, seed=seed)


def now_and_then(seed: int, count: int = 8) -> tuple[list[Clip], list[Any]]:
    """Squares that move now and then."""
    square = np.full((1, 6, 6), 255, np.uint8)
    clips, events = motion_events(square, count, frames=60, size=12, seed=seed)
    sizes = ("grow", "shrink")
    named = [[each._replace(label=str(each.label in sizes)) for each in own] for own in events]
    return [Clip(clip, rate=10) for clip in clips], named


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
    "handwriting": (Handwriting, {"num_layers": 1}, drawn(0), drawn(1)),
    "lines": (Handwriting, {"num_layers": 1, "kind": "text"}, drawn(0), drawn(1)),
    "signature": (Signature, {"references": 2, "draws": 2}, signed(1), signed(11)),
    "synthesis": (Synthesis, {"num_layers": 2}, drawn(0), drawn(1)),
    "video": (Video, {"channels": 4, "features": 8}, moving(0), moving(1)),
    "events": (
        Video,
        {"kind": "events", "channels": 4, "features": 8, "window": 20},
        now_and_then(0),
        now_and_then(1),
    ),
    "frames": (
        Video,
        {"kind": "predict", "inputs": 2, "horizon": 2, "num_layers": 1},
        list(moving(0)[0]),
        list(moving(1)[0]),
    ),
}
