"""What a verifier learns before its weights: channels, usual deviations, and its linear part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from elman.data import Ink
from elman.errors import DataError, ModelError
from elman.tasks.signature.dataset import SignatureData
from elman.tasks.signature.deviations import usual_deviation
from elman.tasks.signature.functions import (
    PEN,
    Floats,
    Traced,
    function_names,
    global_names,
    references_of,
    traced,
)
from elman.tasks.signature.linear_start import LinearStart, linear_start
from elman.tasks.signature.settings import SignatureSettings
from elman.tasks.signature.trials import Cohort, Person, Trial, digest_of, persons
from elman.tasks.storage import Saved
from elman.tensor_files import read_tensors, write_tensors

WEIGHT = 0.5  # of the usual deviation among those of a person's references
RANDOM_TRAINING, RANDOM_TESTS = 12, 20  # random forgeries of each person
_COHORT = 16  # persons


COHORT = "cohort.safetensors"


@dataclass(frozen=True, eq=False)
class SignaturePreprocessing:
    """From signatures to what the network reads.

    - `channels`: of the pen, those that all training data has.
    - `usual`: (C,) the mean absolute deviation of anyone's references from each other.
    - `has_forgeries`: whether skilled forgeries were learnt from.
    - `cohort`: a few genuine signatures of training persons, by which scores are normalised.
    - `start`: while training, what the linear part and the calibration begin with; later they are
      among the weights.
    """

    channels: tuple[str, ...]
    usual: Floats
    has_forgeries: bool
    cohort: Cohort
    start: LinearStart | None = None

    @classmethod
    def learn(cls, train: SignatureData, settings: SignatureSettings) -> Self:
        """From the data to train on."""
        channels = tuple(
            each for each in PEN if all(getattr(ink, each) is not None for ink in train.samples)
        )
        nobody = Cohort([], [])
        known = cls(channels, np.zeros(len(function_names(channels)), np.float32), False, nobody)
        known = replace(known, cohort=known.drawn(train, settings.seed))
        people = known.people(train, RANDOM_TRAINING, settings.seed)
        if len(people) < 2:
            raise DataError("signatures of two persons at least are needed to learn from")
        known = replace(
            known,
            usual=usual_deviation([each.within.astype(np.float32) for each in people]),
            has_forgeries=any((each.kinds == 1).any() for each in people),
        )
        start = linear_start(
            people,
            lambda trial: (known.compared(trial), *known.normaliser(trial)),
            references=settings.references,
            penalty=settings.penalty,
            seed=settings.seed,
        )
        return replace(known, start=start)

    def drawn(self, train: SignatureData, seed: int) -> Cohort:
        """A genuine signature of each of some persons of the data."""
        rng = np.random.default_rng(seed)
        persons = [(name, genuine) for name, (genuine, _) in train.persons.items() if genuine]
        chosen = [persons[i] for i in rng.permutation(len(persons))[:_COHORT]]
        numbers = [int(rng.choice(genuine)) for _, genuine in chosen]
        traces = [self.traced(train.samples.inks[i]) for i in numbers]
        return Cohort(traces, [digest_of(name) for name, _ in chosen])

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
        key = (self.channels, self.cohort, random, seed)
        if key not in data.kept:
            traces = []
            for ink, name in zip(data.samples.inks, data.samples.names, strict=True):
                try:
                    traces.append(self.traced(ink))
                except DataError as error:
                    raise DataError(f"{name}: {error}") from None
            data.kept[key] = persons(
                data, traces, self.channels, self.cohort, random=random, seed=seed
            )
        found: list[Person] = data.kept[key]
        return found

    def compared(self, trial: Trial, signatures: Any = slice(None)) -> tuple[Floats, Floats]:
        """Sequences and statistics of a trial's signatures, or of some."""
        return trial.compared(self.usual, self.names, WEIGHT, signatures)

    def normaliser(self, trial: Trial) -> tuple[tuple[Floats, Floats], list[tuple[Floats, Floats]]]:
        """The same of the cohort, and of each reference beside the others."""
        return trial.normaliser(self.usual, self.names, WEIGHT)

    def to_config(self) -> dict[str, Any]:
        """Channels, usual deviations, and digests of the cohort's names."""
        return {
            "channels": list(self.channels),
            "usual": [float(value) for value in self.usual],
            "has_forgeries": self.has_forgeries,
            "cohort": self.cohort.persons,
        }

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The cohort."""
        functions, numbers = (
            torch.from_numpy(np.stack([getattr(each, name) for each in self.cohort.traces]))
            for name in ("functions", "globals")
        )
        return {
            COHORT: lambda path: write_tensors(path, {"functions": functions, "globals": numbers})
        }

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:  # noqa: ARG003
        """From a model's folder, whose configuration `SignatureConfig` has checked."""
        config = saved.config
        usual = np.array(config["usual"], np.float32)
        channels = tuple(config["channels"])
        tensors, _ = read_tensors(saved.asset(COHORT))
        try:
            cohort = references_of(tensors["functions"], tensors["globals"], channels)
        except (KeyError, ValueError) as error:
            raise ModelError(f"{saved.path / COHORT} is damaged: {error}") from None
        people = config.get("cohort") or []  # none in older models
        if people and len(people) != len(cohort):
            raise ModelError(f"{saved.path / COHORT} is not of the {len(people)} persons it names")
        return cls(channels, usual, config["has_forgeries"], Cohort(cohort, people))
