"""Signatures of made-up persons: smooth curves of their own, written again with small changes."""

from typing import Any

import numpy as np

from elman.data import Ink, Inks

Rng = np.random.Generator


def sign(person: int, rng: Rng, *, skill: float = 0.02, pen: bool = True, rate: int = 100) -> Ink:
    """One signature of a person: two strokes, `skill` the size of what differs each time."""
    own = np.random.default_rng(person)
    seconds = 1.2 * (1 + skill * rng.normal())
    t = np.arange(0, seconds, 1 / rate)
    phase = t / seconds
    points = np.stack([60 * phase, np.zeros_like(phase)], 1)
    for order in range(1, 7):
        size, start = own.normal(size=2) * 12 / order, own.uniform(0, 6.3, 2)
        size = size * (1 + skill * 4 * rng.normal(size=2))
        start = start + skill * 4 * rng.normal(size=2)
        points = points + size * np.sin(2 * np.pi * order * phase[:, None] * 1.5 + start)
    pressure = 0.5 + 0.3 * np.sin(2 * np.pi * phase * own.uniform(1, 4) + own.uniform(0, 6))
    half = len(t) // 2
    time = t + np.where(np.arange(len(t)) >= half, 0.15, 0.0)
    channels: dict[str, Any] = {"pressure": pressure.clip(0, 1)} if pen else {}
    return Ink(points, np.array([0, half]), time, **channels)


def signatures(
    persons: int = 6, genuine: int = 8, forged: int = 4, *, pen: bool = True, seed: int = 0
) -> Inks:
    """Signatures of some persons with forgeries, which are slower and less alike."""
    rng = np.random.default_rng(seed)
    inks, labels, writers = [], [], []
    for person in range(persons):
        for number in range(genuine + forged):
            is_forged = number >= genuine
            inks.append(sign(person, rng, skill=0.12 if is_forged else 0.02, pen=pen))
            labels.append("forgery" if is_forged else "genuine")
            writers.append(f"p{person}")
    names = [f"signature {i}" for i in range(len(inks))]
    return Inks(inks, labels if forged else None, writers, names)
