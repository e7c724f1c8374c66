"""Signatures as the task `Signature` takes them: whose each is, and whether it is genuine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from elman.data import Inks, read_inks
from elman.data.splits import whole_groups
from elman.data.values import shown
from elman.errors import DataError
from elman.tasks.signature.settings import SignatureSettings

LABELS = ("genuine", "forgery")


@dataclass(frozen=True, eq=False)
class SignatureData:
    """Signatures that could be read, and why others could not; `kept` holds what was computed."""

    samples: Inks
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def left_out(self) -> Mapping[int, str]:
        """Position in the source -> why the ink there is left out."""
        return self.samples.left_out

    def shown(self, number: int) -> str:
        """Where a signature comes from."""
        return self.samples.names[number]

    @property
    def has_forgeries(self) -> bool:
        """Whether there are skilled forgeries."""
        return "forgery" in (self.samples.texts or ())

    @property
    def persons(self) -> dict[str, tuple[list[int], list[int]]]:
        """Of each person the numbers of the genuine signatures and of the forgeries, in order."""
        found: dict[str, tuple[list[int], list[int]]] = {}
        labels = self.samples.texts or ["genuine"] * len(self)
        for i, (person, label) in enumerate(zip(self.samples.writers or (), labels, strict=True)):
            found.setdefault(person, ([], []))[LABELS.index(label)].append(i)
        return found

    def split(self, share: float, seed: int) -> tuple[Self, Self]:
        """Two parts, the second of about that share of the persons, each with all signatures."""
        groups = [[*genuine, *forged] for genuine, forged in self.persons.values()]
        if len(groups) < 4:
            raise DataError(
                f"{len(groups)} persons are too few to hold some out for validation: four are"
                " needed, two for training and two to validate, or give validation data"
            )
        held_out = whole_groups(groups, max(share, 2 / len(groups)), seed)
        out = set(held_out)
        rest = [i for i in range(len(self)) if i not in out]
        return type(self)(self.samples.select(rest)), type(self)(self.samples.select(sorted(out)))


def read_data(data: Any, settings: SignatureSettings, *, labelled: bool) -> SignatureData:
    """Whatever `elman.data.read_inks` reads; ink without a point is left out.

    Labelled data names whose each signature is or feigns. Raises `DataError` for a label that is
    neither "genuine" nor "forgery", and where persons are missing.
    """
    if isinstance(data, SignatureData):
        return data
    found = read_inks(
        data, labelled=None, text=settings.label, writer=settings.writer, path=settings.path
    )
    found = found.with_points()
    if labelled:
        _check(found)
    return SignatureData(found)


def _check(samples: Inks) -> None:
    if samples.writers is None:
        raise DataError(
            "the data does not say whose signatures these are: a column of the writer is needed"
        )
    for writer, name in zip(samples.writers, samples.names, strict=True):
        if not writer:
            raise DataError(f"{name}: the writer is missing")
    for label, name in zip(samples.texts or (), samples.names, strict=False):
        if label not in LABELS:
            raise DataError(
                f'{name}: the label is {shown(label)}: "genuine" or "forgery" is needed'
            )


def halves(count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The earlier half of so many signatures, of which references are drawn, and the later one.

    >>> halves(5)[0].tolist(), halves(5)[1].tolist()
    ([0, 1, 2], [3, 4])
    """
    middle = (count + 1) // 2
    return np.arange(middle), np.arange(middle, count)
