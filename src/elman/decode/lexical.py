"""Which target token a source token stands for, from pairs of sequences alone (IBM model 1)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.checks import whole
from elman.decode.constraints import id_lists
from elman.errors import DataError

Ints = NDArray[np.int64]
_LEAST = 1e-12


class LexicalModel:
    """The probability of a target token given a source token: model 1 of Brown et al. (1993).

    Each target token is taken to come of one token of its source, or of none of them, wherever it
    stands. `fit` makes one; it serves for shortlists, for a lexicon and for alignments.

    **Attributes:** `sources`, `targets`, `probabilities`: its entries, (E,) each, what the
    constructor takes.

    **Example:**

    >>> sources = [[0, 1], [0, 2], [3, 2]]  # a house, a book, my book
    >>> targets = [[5, 6], [5, 7], [8, 7]]  # ein Haus, ein Buch, mein Buch
    >>> model = LexicalModel.fit(sources, targets, iterations=20)
    >>> model.best(2, 1)[0][0], model.best(1, 1)[0][0]
    (7, 6)
    >>> model.align([3, 2], [8, 7])
    [(0, 0), (1, 1)]
    >>> model.shortlist([0, 1], 1)
    [5, 6]
    """

    def __init__(self, sources: Ints, targets: Ints, probabilities: NDArray[np.float64]) -> None:
        """Entries, sorted by source and then by target; source -1 is none of the tokens."""
        self.sources, self.targets, self.probabilities = sources, targets, probabilities
        self._order = np.lexsort((-probabilities, sources))
        ids, first = np.unique(sources, return_index=True)
        ends = [*first[1:].tolist(), len(sources)]
        spans = zip(first.tolist(), ends, strict=True)
        self._spans = {int(id): slice(*span) for id, span in zip(ids, spans, strict=True)}

    @classmethod
    def fit(
        cls,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        iterations: int = 5,
    ) -> "LexicalModel":
        """Estimate it by expectation maximisation, from uniform probabilities.

        **Arguments:** `sources`, `targets`: lists of ids, in pairs; those with an empty side teach
        nothing. Memory: some 100 bytes for each pair of a source and a target token.

        Raises `DataError` if the lists do not make pairs, or hold nothing.
        """
        whole(iterations, "iterations", 1)
        read, written = id_lists(sources, "sources"), id_lists(targets, "targets")
        if len(read) != len(written):
            raise DataError(f"{len(read)} sources and {len(written)} targets do not make pairs")
        pairs = [(one, two) for one, two in zip(read, written, strict=True) if one and two]
        if not pairs:
            raise DataError("no pair has a source and a target that are not empty")
        flat, place = _links(pairs)
        size = 1 + max(max(two) for _, two in pairs)
        keys, entry = np.unique((flat[0] + 1) * size + flat[1], return_inverse=True)
        source_of = keys // size
        probabilities: NDArray[np.float64] = np.ones(len(keys))
        for _ in range(iterations):
            weights = probabilities[entry]
            weights /= np.bincount(place, weights)[place]
            counts = np.bincount(entry, weights, len(keys))
            probabilities = counts / np.bincount(source_of, counts)[source_of]
        return cls(source_of - 1, keys % size, probabilities)

    def probability(self, source: int, target: int) -> float:
        """Of a target token given a source token; 0 if they never stood in a pair."""
        span = self._spans.get(source)
        if span is None:
            return 0.0
        own = self.targets[span]
        at = int(np.searchsorted(own, target))
        is_known = at < len(own) and own[at] == target
        return float(self.probabilities[span][at]) if is_known else 0.0

    def best(self, source: int, k: int = 1) -> list[tuple[int, float]]:
        """The `k` most likely target tokens of a source token, with their probabilities.

        Fewer if it stood beside fewer, none if it is unknown; of equal ones the lower id first.
        """
        whole(k, "k", 1)
        best = self._order[self._spans.get(source, slice(0))][:k]
        pairs = zip(self.targets[best].tolist(), self.probabilities[best].tolist(), strict=True)
        return list(pairs)

    def pruned(self, k: int) -> "LexicalModel":
        """The model of the `k` most likely target tokens of each source token, the others 0."""
        whole(k, "k", 1)
        kept = np.sort(np.concatenate([self._order[span][:k] for span in self._spans.values()]))
        return LexicalModel(self.sources[kept], self.targets[kept], self.probabilities[kept])

    def shortlist(self, source: Sequence[int], k: int = 20) -> list[int]:
        """The `k` most likely target tokens of each token of a source, sorted, each once.

        To it belong what any sequence may hold: the end, and the most frequent tokens.
        """
        return sorted({id for token in set(source) for id, _ in self.best(token, k)})

    def align(self, source: Sequence[int], target: Sequence[int]) -> list[tuple[int, int]]:
        """Places (i, j) of source and target: of each target token its most likely source token.

        Left out are target tokens that are more likely to come of none. Of equal source tokens the
        one nearest to the same place of its sequence is taken.
        """
        links = []
        for j, id in enumerate(target):
            own = [max(self.probability(each, id), _LEAST) for each in source]
            if not own or max(own) < max(self.probability(-1, id), 2 * _LEAST):
                continue
            place = (j + 0.5) / len(target) * len(source) - 0.5
            links.append((max(range(len(own)), key=lambda i: (own[i], -abs(i - place))), j))
        return links


def _links(pairs: list[tuple[list[int], list[int]]]) -> tuple[tuple[Ints, Ints], Ints]:
    """Each target token with each of its source tokens and with none, -1, and which one it is."""
    read = [np.array([-1, *source]) for source, _ in pairs]
    written = [np.array(target) for _, target in pairs]
    sources: Any = np.concatenate(
        [np.tile(one, len(two)) for one, two in zip(read, written, strict=True)]
    )
    targets: Any = np.concatenate(
        [np.repeat(two, len(one)) for one, two in zip(read, written, strict=True)]
    )
    widths = np.repeat([len(each) for each in read], [len(each) for each in written])
    return (sources, targets), np.repeat(np.arange(len(widths)), widths)
