"""Batches of signatures beside references, drawn again for training, and in order for inference."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from elman.tasks.signature.functions import Floats
from elman.tasks.signature.network import Compared
from elman.tasks.signature.preprocessing import SignaturePreprocessing
from elman.tasks.signature.trials import Person, Trial, trials, weights

A_TRIAL = 8  # signatures of a trial in a batch of training
VISITS = 4  # of each person in an epoch

Ints = NDArray[np.int64]
Part = tuple[Floats, Floats, Ints]


def collated(parts: Sequence[Part], sizes: Sequence[int] | None = None) -> Compared:
    """One batch of trials' sequences (m, n, T, D), statistics (m, F) and kinds (m,); `sizes`: see
    `Compared.parts`."""
    sequences, owner, first = [], [], 0
    for each, _, _ in parts:
        m, n = each.shape[:2]
        sequences.append(each.reshape(m * n, *each.shape[2:]))
        owner.append(first + np.repeat(np.arange(m), n))
        first += m
    kinds = [kind for _, _, kind in parts]
    counts = [sum(len(part[2]) for part in parts), 0, 0] if sizes is None else list(sizes)
    return Compared(
        torch.from_numpy(np.concatenate(sequences).transpose(1, 0, 2).copy()),
        torch.from_numpy(np.concatenate(owner)),
        torch.from_numpy(np.concatenate([statistics for _, statistics, _ in parts])),
        torch.from_numpy(np.concatenate(kinds) == 0).float(),
        torch.from_numpy(np.concatenate([weights(kind) for kind in kinds])),
        torch.tensor(counts),
    )


def in_full(
    signatures: tuple[Floats, Floats],
    cohort: tuple[Floats, Floats],
    own: Sequence[tuple[Floats, Floats]],
) -> Compared:
    """One batch of a trial's signatures with what their scores are normalised by."""
    parts = [signatures, cohort, *own]
    sizes = [len(signatures[1]), len(cohort[1]), len(own)]
    return collated([(*part, np.zeros(len(part[1]), np.int64)) for part in parts], sizes)


class DrawnTrials:
    """Training: of each person some signatures of every kind beside references drawn again.

    **Arguments:** `size`: signatures in a batch.
    """

    def __init__(
        self,
        people: Sequence[Person],
        known: SignaturePreprocessing,
        *,
        size: int,
        references: int,
        seed: int,
    ) -> None:
        self.people, self.known, self.references, self.seed = people, known, references, seed
        self.at_once = max(1, size // A_TRIAL)

    def __len__(self) -> int:
        return max(1, -(-len(self.people) * VISITS // self.at_once))

    def epoch(self, e: int, start: int = 0) -> Iterator[Compared]:
        """The batches of epoch `e`, from the one numbered `start`."""
        rng = np.random.default_rng((self.seed, e))
        order = np.concatenate([rng.permutation(len(self.people)) for _ in range(VISITS)])
        seeds = rng.integers(2**32, size=len(self))
        for number in range(start, len(self)):
            chosen = order[number * self.at_once : (number + 1) * self.at_once]
            yield self._batch([self.people[i] for i in chosen], int(seeds[number]))

    def _batch(self, people: Sequence[Person], seed: int) -> Compared:
        rng = np.random.default_rng(seed)
        parts = []
        for person in people:
            (trial,) = trials([person], 1, self._count(rng), seed=int(rng.integers(2**32)))
            signatures = _some(person.kinds, rng)
            parts.append((*self.known.compared(trial, signatures), person.kinds[signatures]))
        return collated(parts)

    def _count(self, rng: np.random.Generator) -> int:
        return int(rng.integers(1, self.references + 1)) if rng.random() < 0.2 else self.references


def _some(kinds: Ints, rng: np.random.Generator) -> Ints:
    """Numbers of some signatures, as many of each kind as are there and have room."""
    found = []
    for kind, share in enumerate((3, 3, 2)):
        there = np.flatnonzero(kinds == kind)
        found.append(rng.permutation(there)[:share])
    return np.concatenate(found)


class OrderedTrials:
    """Inference: a batch a trial, with all of its signatures."""

    def __init__(self, found: Sequence[Trial], known: SignaturePreprocessing) -> None:
        self.found, self.known = found, known

    def __len__(self) -> int:
        return len(self.found)

    def epoch(self, e: int, start: int = 0) -> Iterator[Compared]:  # noqa: ARG002
        """The batches from the one numbered `start`."""
        for trial in self.found[start:]:
            yield in_full(self.known.compared(trial), *self.known.normaliser(trial))

    def in_order(self) -> range:
        """The number of each signature."""
        return range(sum(len(trial.person.kinds) for trial in self.found))
