"""Speech without listening: the most frequent transcript, and none at all."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from elman.baselines.result import Baseline
from elman.errors import DataError

# The errors of a hypothesis and the length of the reference, from (reference, hypothesis).
Errors = Callable[[str, str], tuple[int, int]]


def most_frequent_transcript(
    train: Sequence[str], references: Sequence[str], errors: Errors, *, metric: str = "wer"
) -> Baseline:
    """The error rate of answering with the most frequent transcript of training.

    **Arguments:** `errors` gives errors and length, in words or characters, of a reference and a
    hypothesis.

    >>> def in_words(reference, hypothesis):
    ...     pairs = zip(reference.split(), hypothesis.split(), strict=True)
    ...     return sum(r != h for r, h in pairs), len(reference.split())
    >>> most_frequent_transcript(["yes", "yes", "no"], ["yes", "no"], in_words).metrics
    {'wer': 0.5}
    """
    if not train:
        raise DataError("the most frequent transcript needs at least one training transcript")
    best = min(Counter(train).items(), key=lambda item: (-item[1], item[0]))[0]
    return _of("most frequent transcript", best, references, errors, metric)


def empty_transcript(references: Sequence[str], errors: Errors, *, metric: str = "wer") -> Baseline:
    """The error rate of answering nothing: 1 by its definition, every word a deletion."""
    return _of("empty transcript", "", references, errors, metric)


def _of(
    name: str, hypothesis: str, references: Sequence[str], errors: Errors, metric: str
) -> Baseline:
    started = time.perf_counter()
    different = Counter(references)
    counted = {reference: errors(reference, hypothesis) for reference in different}
    wrong = np.array([counted[reference][0] for reference in references], np.float64)
    length = np.array([counted[reference][1] for reference in references], np.float64)
    if not length.sum():
        raise DataError("the held-out transcripts are empty: there is no error rate")
    rate = float(wrong.sum() / length.sum())
    seconds = time.perf_counter() - started
    return Baseline(name, {metric: rate}, wrong, seconds, metric, maximize=False, weights=length)
