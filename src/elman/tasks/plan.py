"""Settings that a task chooses from its data, if they are not given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Preset = Literal["small", "default", "best"]
LENGTH = {"small": 0.5, "default": 1.0, "best": 2.0}  # of training, times the default's
WIDTH = {"small": 0.5, "default": 1.0, "best": 1.5}  # hidden units, times the default's
EVALUATIONS = 25  # of a planned run


@dataclass(frozen=True)
class Plan:
    """Settings for a dataset: `settings` by name, and the facts that they follow from.

    `notes`: of some settings, what to know where they were chosen.
    """

    facts: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def without(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that were not given."""
        chosen = {name: v for name, v in self.settings.items() if name not in given}
        if "epochs" in given or "max_steps" in given:
            chosen.pop("evaluate_every", None)
            chosen.pop("cooldown", None)
        return chosen

    def words(self, chosen: Mapping[str, Any]) -> list[str]:
        """The facts, and what was chosen, a line each."""
        if not chosen:
            return [f"Data: {self.facts}"] if self.facts else []
        settings = ", ".join(f"{name} {value}" for name, value in chosen.items())
        notes = [f"Note: {note}" for name, note in self.notes.items() if name in chosen]
        return [f"Data: {self.facts}", f"Plan: {settings}", *notes]


def steps_an_epoch(examples: int, batch_size: int) -> int:
    """Batches that so many examples make."""
    return max(1, math.ceil(examples / batch_size))


def length(
    examples: int, batch_size: int, *, steps: float, preset: Preset = "default", longest: int
) -> dict[str, int]:
    """`epochs` that make about so many steps, `longest` at most, and steps between evaluations.

    >>> length(6228, 50, steps=2500, longest=100)
    {'epochs': 20, 'evaluate_every': 100}
    """
    an_epoch = steps_an_epoch(examples, batch_size)
    epochs = max(1, min(round(LENGTH[preset] * steps / an_epoch), longest))
    return {"epochs": epochs, "evaluate_every": max(1, epochs * an_epoch // EVALUATIONS)}


def time_words(seconds: float) -> str:
    """A duration in the unit that suits it.

    >>> time_words(42.3), time_words(600), time_words(10000)
    ('42 s', '10 min', '2.8 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def units(size: float, preset: Preset = "default") -> int:
    """Hidden units: a multiple of 16, as kernels like it.

    >>> units(100), units(100, "best"), units(5)
    (96, 144, 16)
    """
    return max(16, 16 * round(WIDTH[preset] * size / 16))
