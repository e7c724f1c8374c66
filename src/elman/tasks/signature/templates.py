"""Templates: the references of enrolled persons, in memory and in one file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elman.data.values import shown
from elman.errors import ModelError, SettingsError
from elman.folders import path_of
from elman.tasks.signature.deviations import deviations
from elman.tasks.signature.functions import Floats, Traced, references_of
from elman.tensor_files import read_tensors, write_tensors

MOST = 10  # references of a person
_FORMAT = "elman signature templates 1"
_MOST_PERSONS = 10**6


@dataclass(frozen=True, eq=False)
class Template:
    """A person's references and their deviations from each other, (n, n, STEPS, C); `kept` is what
    scores are normalised by, once it is computed."""

    references: list[Traced]
    within: Floats
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, references: Sequence[Traced], channels: tuple[str, ...]) -> "Template":
        """Compare references with each other."""
        return cls(list(references), deviations(references, references, channels)[0])


class Templates(Mapping[str, Template]):
    """Persons by name, of one model: what another model compares is refused.

    A template is biometric data: keep its file as you keep passwords. It holds no ink, but the
    time functions from which a signature can be drawn again.

    **Arguments:** `model`: the hash of the model's weights; `channels`: those of its pen.
    """

    def __init__(self, model: str, channels: tuple[str, ...]) -> None:
        self.model, self.channels = model, channels
        self._persons: dict[str, Template] = {}

    def __getitem__(self, person: str) -> Template:
        if person not in self._persons:
            known = ", ".join(map(repr, list(self)[:10])) or "nobody"
            more = f" and {len(self) - 10} more" if len(self) > 10 else ""
            raise SettingsError(f"{shown(person)} is not enrolled; enrolled: {known}{more}")
        return self._persons[person]

    def __contains__(self, person: object) -> bool:
        return person in self._persons

    def __iter__(self) -> Iterator[str]:
        return iter(self._persons)

    def __len__(self) -> int:
        return len(self._persons)

    def put(self, person: str, references: Sequence[Traced]) -> None:
        """Enrol a person, or replace the references that there are."""
        if not isinstance(person, str) or not person.strip():
            raise SettingsError(f"person={shown(person)}: a name is needed")
        if not 1 <= len(references) <= MOST:
            raise SettingsError(
                f"{len(references)} signatures of {shown(person)}: 1 to {MOST} are enrolled"
            )
        self._persons[person] = Template.of(references, self.channels)

    def remove(self, person: str) -> None:
        """Forget a person; SettingsError of one who is not enrolled."""
        self[person]
        del self._persons[person]

    def save(self, path: Path | str) -> None:
        """Write all persons into one file (safetensors), whole or not at all."""
        tensors = {}
        for number, template in enumerate(self._persons.values()):
            for name in ("functions", "globals"):
                values = np.stack([getattr(each, name) for each in template.references])
                tensors[f"{number}.{name}"] = torch.from_numpy(values)
        about = {
            "format": _FORMAT,
            "model": self.model,
            "channels": json.dumps(self.channels),
            "persons": json.dumps(list(self._persons)),
        }
        write_tensors(path_of(path, "path"), tensors, about)

    @classmethod
    def load(cls, path: Path | str) -> "Templates":
        """Read a file of `save`; ModelError where it is missing, damaged or of another kind."""
        place = path_of(path, "path")
        tensors, about = read_tensors(place)
        if about.get("format") != _FORMAT:
            raise ModelError(f"{place} is not a file of templates of signatures")
        try:
            persons, channels = json.loads(about["persons"]), tuple(json.loads(about["channels"]))
            found = cls(about["model"], channels)
            for number, person in enumerate(persons[:_MOST_PERSONS]):
                functions, numbers = (
                    tensors[f"{number}.{name}"] for name in ("functions", "globals")
                )
                found.put(person, references_of(functions, numbers, channels))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{place} is damaged: {' '.join(str(error).split())[:200]}") from None
        return found
