"""A synthesiser's settings from its samples: with texts or without, how long, how large."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.plan import Plan, Preset, length, units

_POINTS = 2500  # in a batch, about
_MOST_STEPS = {"text": 7500, "nothing": 3000}  # letters by their names take longer to learn
_MANY = 100_000  # points, from which on the layers are large


def plan(train: HandwritingData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these samples, beside the settings that were given."""
    samples, points = len(train), sum(map(len, train.samples.inks))
    condition = given.get("condition", "auto")
    if condition == "auto":
        condition = "nothing" if train.samples.texts is None else "text"
    usual = int(np.clip(_POINTS * samples // points, 8, 64))
    batch_size = given.get("batch_size") or int(np.clip(samples // 16, 1, usual))
    an_epoch = samples / batch_size
    steps = max(float(np.clip(20 * an_epoch, 1500, _MOST_STEPS[condition])), 2 * an_epoch)
    facts = f"{samples:,} samples of {points:,} points"
    if all((ink.points == np.rint(ink.points)).all() for ink in train.samples.inks):
        facts += " in whole numbers, which uniform noise of ±0.5 makes continuous"
    with_text = "with their texts" if condition == "text" else "without texts"
    return Plan(
        f"{facts}; {with_text}",
        {
            "condition": condition,
            "batch_size": batch_size,
            **length(samples, batch_size, steps=steps, preset=preset, longest=300),
            "hidden_size": units(256 if points >= _MANY else 128, preset),
        },
    )
