"""Whether two models of a task differ by more than chance: the paired bootstrap (Koehn 2004)."""

from collections.abc import Sequence
from dataclasses import dataclass

from elman.baselines.bootstrap import p_value
from elman.baselines.result import Floats
from elman.errors import SettingsError

SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Scored:
    """A metric of labelled data, and what each example adds to it.

    - `metric`: its name.
    - `scores`: (N,) float64. The metric is their mean or, with `weights` (N,), their sum by the sum
      of these: of a word error rate, errors and words.
    - `examples`: what tells an example from others, such as its name or text.
    """

    metric: str
    scores: Floats
    examples: Sequence[object]
    weights: Floats | None = None

    @property
    def value(self) -> float:
        """The metric."""
        total = len(self.scores) if self.weights is None else self.weights.sum()
        return float(self.scores.sum() / total)


@dataclass(frozen=True)
class Difference:
    """A metric of two models on the same data, and the p value of its difference.

    `note` says how the metric was computed, where that is not plain.
    """

    metric: str
    own: float
    other: float
    p: float
    note: str = ""


def difference(own: Scored, other: Scored, *, seed: int = 0) -> Difference:
    """One model beside another one on the same examples.

    Raises `SettingsError` where the models did not read the same examples.

    >>> import numpy as np
    >>> texts = [f"text {i}" for i in range(100)]
    >>> one, two = (Scored("accuracy", np.arange(100) % n / (n - 1), texts) for n in (2, 2))
    >>> difference(one, two)
    Difference(metric='accuracy', own=0.5, other=0.5, p=1.0, note='')
    """
    check_same(own.examples, other.examples)
    p = p_value(own.scores - other.scores, own.weights, seed=seed)
    return Difference(own.metric, own.value, other.value, p)


def check_same(own: Sequence[object], other: Sequence[object]) -> None:
    """Raise `SettingsError` unless two models read the same examples."""
    if len(own) != len(other):
        raise SettingsError(
            f"the models read {len(own):,} and {len(other):,} examples of this data: only models"
            " that read the same ones can be compared"
        )
    for number, (one, two) in enumerate(zip(own, other, strict=True)):
        if one != two:
            raise SettingsError(
                f"the models read different examples of this data: number {number} is"
                f" {str(one)[:60]!r} to one and {str(two)[:60]!r} to the other"
            )
