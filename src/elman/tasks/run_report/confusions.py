"""The pairs of classes that a classifier confuses most."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.tasks.run_report.data import shortened

_MOST = 20


def confused_pairs(
    labels: Sequence[str], counts: NDArray[np.int64]
) -> list[tuple[str, str, int, str]]:
    """The most confused pairs: the true label, the predicted one, how often, and of how many.

    >>> confused_pairs(["a", "b"], np.array([[9, 1], [0, 5]]))
    [('a', 'b', 1, '10.0%')]
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST]
    found = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        count, of = int(wrong[true, predicted]), int(counts[true].sum())
        if count:
            names = shortened(labels[true], 80), shortened(labels[predicted], 80)
            found.append((*names, count, f"{count / of:.1%}"))
    return found
