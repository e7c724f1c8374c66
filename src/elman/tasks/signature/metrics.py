"""Errors of verification: FAR, FRR, the equal error rate, and the curve between them (DET)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Error rates by threshold, falling from accepting nothing to accepting everything.

    - `thresholds`: (N,), each a score from which a signature is taken as genuine.
    - `far`: false acceptance rate, the share of forgeries accepted; `frr`: false rejection rate.
    """

    thresholds: Array
    far: Array
    frr: Array

    @classmethod
    def of(cls, genuine: Array, forged: Array) -> "Curve":
        """From the scores of genuine signatures and of forgeries, higher for genuine.

        >>> Curve.of(np.array([2.0, 3.0]), np.array([1.0])).eer
        0.0
        """
        levels = np.unique(np.concatenate([genuine, forged]))[::-1]
        thresholds = np.concatenate([[np.inf], levels])
        far = 1 - np.searchsorted(np.sort(forged), thresholds, "left") / len(forged)
        frr = np.searchsorted(np.sort(genuine), thresholds, "left") / len(genuine)
        return cls(thresholds, far, frr)

    @property
    def eer(self) -> float:
        """The equal error rate: where both rates meet, on the line between two thresholds."""
        gap = self.far - self.frr
        place = int(np.argmax(gap >= 0))
        if place == 0 or gap[place] == 0:
            return float((self.far[place] + self.frr[place]) / 2)
        share = -gap[place - 1] / (gap[place] - gap[place - 1])
        return float(self.far[place - 1] + share * (self.far[place] - self.far[place - 1]))

    @property
    def threshold(self) -> float:
        """The score at which the two rates are nearest to each other."""
        place = int(np.argmin(np.abs(self.far - self.frr)))
        return float(self.thresholds[place])


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of signatures, (N,) each: of which `person` (a number), of which `kind` (0 genuine,
    1 skilled forgery, 2 random forgery), and in which `draw` of references."""

    scores: Array
    person: NDArray[np.int64]
    kind: NDArray[np.int64]
    draw: NDArray[np.int64]

    def curve(self, kind: int) -> Curve:
        """Of genuine signatures and forgeries of one kind, all draws together."""
        return Curve.of(self.scores[self.kind == 0], self.scores[self.kind == kind])

    def equal_error_rates(self, kind: int) -> tuple[Array, Array]:
        """For each draw the equal error rate with one threshold for all persons, and the mean of
        those with a threshold of each person's own."""
        together, alone = [], []
        for draw in np.unique(self.draw):
            chosen = self.draw == draw
            persons = []
            for person in np.unique(self.person[chosen]):
                own = chosen & (self.person == person)
                genuine, forged = own & (self.kind == 0), own & (self.kind == kind)
                if genuine.any() and forged.any():
                    persons.append(Curve.of(self.scores[genuine], self.scores[forged]).eer)
            genuine, forged = chosen & (self.kind == 0), chosen & (self.kind == kind)
            together.append(Curve.of(self.scores[genuine], self.scores[forged]).eer)
            alone.append(float(np.mean(persons)))
        return np.array(together), np.array(alone)


KIND_NAMES = {1: "skilled", 2: "random"}


def verification_metrics(found: Scores, threshold: float) -> dict[str, float]:
    """`eer_skilled`, `eer_random` (one threshold for all persons), `eer_skilled_per_person` and
    `eer_random_per_person`, means over the draws; `far_skilled`, `far_random` and `frr` at the
    threshold, a score; those of kinds that do not occur are left out."""
    metrics: dict[str, float] = {}
    accepted = found.scores >= threshold
    for kind, name in KIND_NAMES.items():
        if not (found.kind == kind).any():
            continue
        together, alone = found.equal_error_rates(kind)
        metrics[f"eer_{name}"] = float(together.mean())
        metrics[f"eer_{name}_per_person"] = float(alone.mean())
        metrics[f"far_{name}"] = float(accepted[found.kind == kind].mean())
    metrics["frr"] = float(1 - accepted[found.kind == 0].mean())
    return metrics
