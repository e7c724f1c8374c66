"""A bounded sample of training examples, in which every class stays."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def stratified(labels: Sequence[Hashable], most: int, seed: int) -> NDArray[np.int64]:
    """Numbers of about `most` examples, sorted, each class in proportion, with one at least.

    >>> stratified(["a"] * 8 + ["b"] * 2, 5, seed=0).tolist()
    [2, 4, 6, 7, 9]
    """
    count = len(labels)
    if count <= most:
        return np.arange(count)
    shuffled = np.random.default_rng(seed).permutation(count)
    numbers: dict[Hashable, int] = {}
    ids = np.array([numbers.setdefault(label, len(numbers)) for label in labels])[shuffled]
    order = np.argsort(ids, kind="stable")
    sizes = np.bincount(ids)
    rank = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # within its class
    kept = rank < np.maximum(1, np.round(sizes * most / count)).repeat(sizes)
    return np.sort(shuffled[order[kept]])


def note(kept: int, count: int, what: str) -> str:
    """What a reader is to know of a sample; "" where nothing was left out.

    >>> note(1000, 20000, "texts")
    'trained on 1,000 of 20,000 texts'
    """
    return "" if kept == count else f"trained on {kept:,} of {count:,} {what}"
