"""What a verifier learns before its weights: channels, usual deviations, and its linear part."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from elman.data import Ink
from elman.errors import DataError
from elman.tasks.signature.dataset import SignatureData
from elman.tasks.signature.deviations import Floats, usual_deviation
from elman.tasks.signature.functions import (
    PEN,
    Traced,
    function_names,
    global_names,
    traced,
)
from elman.tasks.signature.linear import Linear
from elman.tasks.signature.settings import SignatureSettings
from elman.tasks.signature.trials import Person, Trial, persons, trials, weights
from elman.tasks.storage import Saved

WEIGHT = 0.5  # of the usual deviation among those of a person's references
RANDOM_TRAINING, RANDOM_TESTS = 12, 20  # random forgeries of each person
_DRAWS = 8  # of each person, for the linear part
_A_PERSON = 25.0  # weight of a person's genuine signatures there


@dataclass(frozen=True, eq=False)
class SignaturePreprocessing:
    """From signatures to what the network reads.

    - `channels`: of the pen, those that all training data has.
    - `usual`: (C,) the mean absolute deviation of anyone's references from each other.
    - `has_forgeries`: whether skilled forgeries were learnt from.
    - `linear`: while training, the linear part; later it is among the weights.
    """

    channels: tuple[str, ...]
    usual: Floats
    has_forgeries: bool
    linear: Linear | None = None

    @classmethod
    def learn(cls, train: SignatureData, settings: SignatureSettings) -> Self:
        """From the data to train on."""
        channels = tuple(
            each for each in PEN if all(getattr(ink, each) is not None for ink in train.samples)
        )
        known = cls(channels, np.zeros(len(function_names(channels)), np.float32), False)
        people = known.people(train, RANDOM_TRAINING, settings.seed)
        if len(people) < 2:
            raise DataError("signatures of two persons at least are needed to learn from")
        within = [each.within.astype(np.float32) for each in people]
        known = replace(
            known,
            usual=usual_deviation(within),
            has_forgeries=any((each.kinds == 1).any() for each in people),
        )
        return known.with_linear(people, settings)

    def with_linear(self, people: Sequence[Person], settings: SignatureSettings) -> Self:
        """With a linear part for these persons."""
        found = trials(people, _DRAWS, settings.references, seed=settings.seed, vary=True)
        statistics = np.concatenate([self.compared(trial)[1] for trial in found])
        kinds = [trial.person.kinds for trial in found]
        share = np.concatenate([weights(each) for each in kinds]) * _A_PERSON / _DRAWS
        targets = (np.concatenate(kinds) == 0).astype(np.float64)
        linear = Linear.fit(
            statistics.astype(np.float64), targets, share.astype(np.float64), settings.penalty
        )
        return replace(self, linear=linear)

    @property
    def names(self) -> list[str]:
        """The time functions."""
        return function_names(self.channels)

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers a step of the sequences, and statistics of a signature."""
        count = len(self.names)
        return 2 * count, 2 * count + 6 + len(global_names(self.channels))

    def traced(self, ink: Ink) -> Traced:
        """The time functions of a signature."""
        return traced(ink, self.channels)

    def people(self, data: SignatureData, random: int, seed: int) -> list[Person]:
        """The persons of labelled data, compared once and kept with the data."""
        key = (self.channels, random, seed)
        if key not in data.kept:
            traces = []
            for ink, name in zip(data.samples.inks, data.samples.names, strict=True):
                try:
                    traces.append(self.traced(ink))
                except DataError as error:
                    raise DataError(f"{name}: {error}") from None
            data.kept[key] = persons(data, traces, self.channels, random=random, seed=seed)
        found: list[Person] = data.kept[key]
        return found

    def compared(self, trial: Trial, signatures: Any = slice(None)) -> tuple[Floats, Floats]:
        """Sequences and statistics of a trial's signatures, or of some."""
        return trial.compared(self.usual, self.names, WEIGHT, signatures)

    def to_config(self) -> dict[str, Any]:
        """Channels and usual deviations."""
        return {
            "channels": list(self.channels),
            "usual": [float(value) for value in self.usual],
            "has_forgeries": self.has_forgeries,
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """There are no files."""
        return {}

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:  # noqa: ARG003
        """From a model's folder, whose configuration `SignatureConfig` has checked."""
        config = saved.config
        usual = np.array(config["usual"], np.float32)
        return cls(tuple(config["channels"]), usual, config["has_forgeries"])
