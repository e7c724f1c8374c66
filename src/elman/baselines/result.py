"""What a baseline reaches on held-out examples, each of them scored for a paired comparison."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Label = str | tuple[str, ...]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Baseline:
    """A simple method's results on the data that a model is measured on.

    - `metrics`: by name, `metric` included.
    - `scores`: (N,) float64, what each example adds to `metric`: its correctness, loss or errors.
      The metric is their mean or, with `weights` (N,), their sum by the sum of these: of a word
      error rate, errors and words.
    - `maximize`: whether more of `metric` is better.
    - `seconds`: how long training and prediction took.
    - `note`: what was left out to be quick, "" if nothing was.
    """

    name: str
    metrics: dict[str, float]
    scores: Floats
    seconds: float
    metric: str = "accuracy"
    maximize: bool = True
    weights: Floats | None = None
    note: str = ""


def of_labels(
    name: str,
    predicted: Sequence[Label],
    labels: Sequence[Label],
    *,
    started: float,
    note: str = "",
) -> Baseline:
    """The result of a classifier from its predicted and the true labels, strings or tuples of them.

    **Arguments:** `started`: `time.perf_counter()` before training.

    **Returns:** `accuracy` (of tuples: all labels right), `macro_f1` over the labels that occur or
    are predicted and, of tuples, `micro_f1`.

    >>> of_labels("guess", ["a", "a"], ["a", "b"], started=0).metrics
    {'accuracy': 0.5, 'macro_f1': 0.3333333333333333}
    """
    actual, found = [_set(label) for label in labels], [_set(label) for label in predicted]
    right = np.array([a == f for a, f in zip(actual, found, strict=True)], np.float64)
    names = classes([*labels, *predicted])
    index = {label: i for i, label in enumerate(names)}
    counts = np.zeros((3, len(names)))  # hits, predicted, true
    for a, f in zip(actual, found, strict=True):
        for row, some in enumerate((a & f, f, a)):
            for label in some:
                counts[row, index[label]] += 1
    hits, chosen, true = counts
    metrics = {"accuracy": float(right.mean())}
    if any(isinstance(label, tuple) for label in labels):
        metrics["micro_f1"] = float(2 * hits.sum() / max(1, (chosen + true).sum()))
    metrics["macro_f1"] = float((2 * hits / (chosen + true)).mean()) if names else 1.0
    return Baseline(name, metrics, right, time.perf_counter() - started, note=note)


def check_lengths(
    train: Sequence[object],
    train_labels: Sequence[object],
    held_out: Sequence[object],
    labels: Sequence[object],
) -> None:
    """Raise `DataError` where examples and labels do not match, or there are none."""
    for what, examples, theirs in (
        ("training", train, train_labels),
        ("held-out", held_out, labels),
    ):
        if len(examples) != len(theirs):
            raise DataError(f"{len(examples)} {what} examples but {len(theirs)} labels")
        if not len(examples):
            raise DataError(f"a baseline needs at least one {what} example, there is none")


def classes(labels: Sequence[Label]) -> list[str]:
    """All labels that occur, sorted.

    >>> classes(["b", ("a", "b")])
    ['a', 'b']
    """
    return sorted(set[str]().union(*map(_set, labels)))


def _set(label: Label) -> frozenset[str]:
    return frozenset((label,) if isinstance(label, str) else label)
