"""Trials: signatures beside references of the person whose they are said to be."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.tasks.signature.dataset import SignatureData, halves
from elman.tasks.signature.deviations import compared, deviations
from elman.tasks.signature.functions import Floats, Traced

KINDS = ("genuine", "skilled", "random")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Genuine signatures of training persons, by which scores are normalised; `persons` are digests
    of their names, none in older models."""

    traces: list[Traced]
    persons: list[str]

    def without(self, person: str) -> list[Traced]:
        """Those of others."""
        if not self.persons:
            return self.traces
        own = digest_of(person)
        return [t for t, each in zip(self.traces, self.persons, strict=True) if each != own]


def digest_of(person: str) -> str:
    """What a model keeps of a training person's name."""
    return hashlib.sha256(person.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Person:
    """A person's signatures compared once: the earlier genuine ones as references with each other,
    and with later genuine ones, skilled forgeries, and random ones (genuine ones of others).

    `within` (r, r, STEPS, C) and `towards` (r, m, STEPS, C) are deviations, float16;
    `cohort` (r, q, STEPS, C) is towards signatures of others that scores are normalised by. `own`
    (r, r) and `apart` (r, m) are warping distances, `kinds` (m,) numbers of `KINDS`, the others
    global numbers.
    """

    name: str
    within: NDArray[np.float16]
    towards: NDArray[np.float16]
    own: Floats
    apart: Floats
    kinds: NDArray[np.int64]
    reference_numbers: Floats
    numbers: Floats
    cohort: NDArray[np.float16]
    cohort_numbers: Floats


@dataclass(frozen=True, eq=False)
class Trial:
    """Some references of a person, by number, and all that is compared with them."""

    person: Person
    references: NDArray[np.int64]
    draw: int

    def compared(
        self, usual: Floats, names: Sequence[str], weight: float, signatures: Any = slice(None)
    ) -> tuple[Floats, Floats]:
        """Sequences and statistics of all signatures or some, see
        `elman.tasks.signature.deviations.compared`."""
        who = self.person
        towards, numbers = who.towards[:, signatures], who.numbers[signatures]
        return self._compared(self.references, towards, numbers, usual, names, weight)

    def normaliser(
        self, usual: Floats, names: Sequence[str], weight: float
    ) -> tuple[tuple[Floats, Floats], list[tuple[Floats, Floats]]]:
        """Sequences and statistics of the cohort, and of each reference beside the others."""
        who, chosen = self.person, self.references
        cohort = self._compared(chosen, who.cohort, who.cohort_numbers, usual, names, weight)
        own = []
        for one in chosen if len(chosen) > 1 else ():
            others = chosen[chosen != one]
            towards, numbers = who.within[:, [one]], who.reference_numbers[[one]]
            own.append(self._compared(others, towards, numbers, usual, names, weight))
        return cohort, own

    def _compared(
        self,
        chosen: NDArray[np.int64],
        towards: NDArray[np.float16],
        numbers: Floats,
        usual: Floats,
        names: Sequence[str],
        weight: float,
    ) -> tuple[Floats, Floats]:
        who = self.person
        return compared(
            who.within[np.ix_(chosen, chosen)].astype(np.float32),
            towards[chosen].astype(np.float32),
            centred(numbers, who.reference_numbers[chosen]),
            usual,
            names,
            weight,
        )

    def distance(self) -> NDArray[np.float64]:
        """The mean warping distance from the references over that among them, logarithms, (m,)."""
        apart = self.person.apart[self.references].mean(0)
        own = self.person.own[np.ix_(self.references, self.references)]
        count = len(own)
        usual = own.sum() / (count * (count - 1)) if count > 1 else 1.0
        found: NDArray[np.float64] = np.log(apart + 1e-6) - np.log(usual + 1e-6)
        return found


def centred(numbers: Floats, of_references: Floats) -> Floats:
    """Global numbers of signatures, (m, G), from the mean of those of references, (r, G)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel that no reference has
        found: Floats = numbers - np.nanmean(of_references, 0)
    return found


def persons(
    data: SignatureData,
    traces: Sequence[Traced],
    channels: tuple[str, ...],
    cohort: Cohort,
    *,
    random: int,
    seed: int,
) -> list[Person]:
    """The persons of labelled data, their signatures compared.

    **Arguments:** `traces`: of each signature; `cohort`: whose signatures scores are normalised by,
    without a person's own; `random`: so many genuine signatures of others are
    random forgeries of each.

    Raises `DataError` where nobody has two genuine signatures, or there are no forgeries at all.
    """
    rng = np.random.default_rng(seed)
    known = {name: each for name, each in data.persons.items() if len(each[0]) >= 2}
    if not known:
        raise DataError("no person has two genuine signatures: one to enrol, and one to verify")
    if len(known) < 2 and not data.has_forgeries:
        raise DataError("all genuine signatures are of one person, and there are no forgeries")
    found = []
    for name, (genuine, forged) in known.items():
        early, late = (np.array(genuine)[part].tolist() for part in halves(len(genuine)))
        early = early[:20]
        others = [key for key in known if key != name]
        at_random = [
            int(rng.choice(known[others[i % len(others)]][0]))
            for i in range(random if others else 0)
        ]
        tests = [*late, *forged, *at_random]
        others_of = cohort.without(name)
        everything = [*(traces[i] for i in [*early, *tests]), *others_of]
        exact, distances = deviations([traces[i] for i in early], everything, channels)
        apart = exact.astype(np.float16)
        first, last = len(early), len(early) + len(tests)
        found.append(
            Person(
                name,
                apart[:, :first],
                apart[:, first:last],
                distances[:, :first],
                distances[:, first:last],
                np.repeat(np.arange(3), [len(late), len(forged), len(at_random)]),
                _numbers([traces[i] for i in early]),
                _numbers([traces[i] for i in tests]),
                apart[:, last:],
                _numbers(others_of),
            )
        )
    return found


def _numbers(traces: Sequence[Traced]) -> Floats:
    return np.stack([each.globals for each in traces])


def trials(
    people: Sequence[Person], draws: int, references: int, *, seed: int, vary: bool = False
) -> list[Trial]:
    """For each person so many choices of references.

    **Arguments:** `vary`: every fourth choice has fewer references, so that a network learns what
    few tell.
    """
    rng = np.random.default_rng(seed)
    found = []
    for draw in range(draws):
        for person in people:
            most = min(references, len(person.within))
            count = int(rng.integers(1, most + 1)) if vary and draw % 4 == 3 else most
            chosen = rng.permutation(len(person.within))[:count]
            found.append(Trial(person, chosen, draw))
    return found


def weights(kinds: NDArray[np.int64]) -> Floats:
    """Of the signatures of one trial: genuine ones weigh as much as forgeries together, and random
    ones a third of these where there are skilled ones, (m,)."""
    counts = np.bincount(kinds, minlength=3)
    shares = np.array([1.0, 2 / 3, 1 / 3]) if counts[1] and counts[2] else np.ones(3)
    if not counts[0]:
        shares[0] = 0
    found: Floats = (shares / np.maximum(counts, 1))[kinds].astype(np.float32)
    return found
