"""Feature sequences by statistics over their steps, with a linear model."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.baselines import sample
from elman.baselines.logistic import Logistic
from elman.baselines.result import Baseline, Label, check_lengths, classes, of_labels
from elman.baselines.standard import scale_of, scaled

STRENGTH = 1.0
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_MOST_NUMBERS = 2e8  # summary statistics times classes
_TOGETHER = 256  # sequences of one length


class Fitted(NamedTuple):
    """A linear model of standardised numbers, and of how many examples it was made."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    model: Logistic
    examples: int


def fit_summary(
    sequences: Sequence[NDArray[np.floating]],
    labels: Sequence[Label],
    count: int,
    *,
    several: bool,
    seed: int,
) -> Fitted:
    """The model of labelled sequences with `count` classes; of very many a sample."""
    width = len(summary(sequences[0]))
    kept = sample.stratified(labels, max(1, int(_MOST_NUMBERS / width / max(1, count))), seed)
    values = summaries([sequences[i] for i in kept])
    return fit_standardised(values, [labels[i] for i in kept], several=several)


def fit_standardised(
    values: NDArray[np.floating],
    labels: Sequence[Label],
    *,
    several: bool,
    strength: float = STRENGTH,
) -> Fitted:
    """The model of numbers (N, D) of labelled examples; `strength` is that of the L2 penalty."""
    mean, scale = scale_of(values)
    inputs = scaled(values, mean, scale)
    model = Logistic.fit(inputs, labels, several=several, strength=strength)
    return Fitted(mean, scale, model, len(values))


def standardised(
    sequences: Sequence[NDArray[np.floating]],
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The statistics of sequences less `mean`, times `scale`, from -10 to 10: (N, 12 D + 1)."""
    return scaled(summaries(sequences).reshape(-1, len(mean)), mean, scale)


def summary_linear(
    train: Sequence[NDArray[np.floating]],
    train_labels: Sequence[Label],
    sequences: Sequence[NDArray[np.floating]],
    labels: Sequence[Label],
    *,
    several: bool = False,
    seed: int = 0,
) -> Baseline:
    """Logistic regression on the standardised `summary` of each sequence.

    **Arguments:** sequences (T, D), T of any length from 1; `several`: a label is a tuple of
    those that an example has.

    >>> low, high = np.zeros((9, 1)), np.ones((5, 1))
    >>> result = summary_linear([low, high] * 5, ["low", "high"] * 5, [high[:3]], ["high"])
    >>> result.metrics["accuracy"]
    1.0
    """
    started = time.perf_counter()
    check_lengths(train, train_labels, sequences, labels)
    count = len(classes(train_labels))
    found = fit_summary(train, train_labels, count, several=several, seed=seed)
    return of_labels(
        "summary statistics, linear",
        found.model.predict(standardised(sequences, found.mean, found.scale)),
        labels,
        started=started,
        note=sample.note(found.examples, len(train), "sequences"),
    )


def summary(sequence: NDArray[np.floating]) -> NDArray[np.float64]:
    """Statistics of each feature over the steps (T, D), and the log of the length: (12 D + 1,).

    Mean, deviation, least, most, first, last, mean absolute change from step to step, and the
    quantiles 0.1, 0.25, 0.5, 0.75 and 0.9.

    >>> summary(np.array([[1.0], [3.0]]))[:7].tolist()
    [2.0, 1.0, 1.0, 3.0, 1.0, 3.0, 2.0]
    """
    found: NDArray[np.float64] = _of_one_length([sequence])[0]
    return found


def summaries(sequences: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """The `summary` of each sequence, (N, 12 D + 1), those of equal length together."""
    of_length: dict[int, list[int]] = {}
    for i, each in enumerate(sequences):
        of_length.setdefault(len(each), []).append(i)
    found: list[Any] = [None] * len(sequences)
    for numbers in of_length.values():
        for start in range(0, len(numbers), _TOGETHER):
            part = numbers[start : start + _TOGETHER]
            for i, values in zip(part, _of_one_length([sequences[i] for i in part]), strict=True):
                found[i] = values
    return np.array(found, np.float64)


def _of_one_length(sequences: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    steps = np.asarray(sequences, np.float64)
    count, length, size = steps.shape
    change = np.zeros((count, size))
    if length > 1:
        change = np.abs(np.diff(steps, axis=1)).mean(1)
    ends = (steps.min(1), steps.max(1), steps[:, 0], steps[:, -1])
    quantiles = np.quantile(steps, QUANTILES, axis=1)
    logs = np.full((count, 1), np.log(length))
    return np.concatenate([steps.mean(1), steps.std(1), *ends, change, *quantiles, logs], 1)
