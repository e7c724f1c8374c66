"""The most frequent class, whatever the input."""

import time
from collections import Counter
from collections.abc import Sequence

from elman.baselines.result import Baseline, Label, check_lengths, of_labels


def majority(train_labels: Sequence[Label], labels: Sequence[Label]) -> Baseline:
    """The most frequent label of training; of tuples of labels the most frequent tuple.

    Of several as frequent the first in the alphabet.

    >>> majority(["a", "a", "b"], ["a", "b"]).metrics["accuracy"]
    0.5
    """
    started = time.perf_counter()
    check_lengths(train_labels, train_labels, labels, labels)
    label = min(Counter(train_labels).items(), key=lambda item: (-item[1], item[0]))[0]
    return of_labels("most frequent class", [label] * len(labels), labels, started=started)
