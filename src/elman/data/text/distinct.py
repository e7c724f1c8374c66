"""The different words of many texts."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
_AT_ONCE = 1024  # texts whose words are in memory


class DistinctWords(NamedTuple):
    """Texts as numbers of their different words.

    `words`: the different ones, in the order in which they come first; `numbers` (N,), of every
    word of all texts, one text after the other; `counts`, the words of each text. int64.
    """

    words: list[str]
    numbers: Integers
    counts: Integers


class DistinctPieces:
    """Texts cut at their spaces, to find words with work for each different piece alone.

    >>> found = DistinctPieces(["a film", "", "a good film"]).words(str.split)
    >>> found.words, found.numbers.tolist(), found.counts.tolist()
    (['a', 'film', 'good'], [0, 1, 0, 2, 1], [2, 0, 3])
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._pieces = _numbered(text.split(" ") for text in texts)

    def words(self, split: Callable[[str], Sequence[str]]) -> DistinctWords:
        """The words that `split` finds in the texts: none may depend on what is past a space."""
        pieces, of_texts, pieces_of_texts = self._pieces
        words, of_pieces, words_of_pieces = _numbered(map(split, pieces))
        begins = np.cumsum(words_of_pieces) - words_of_pieces
        lengths = words_of_pieces[of_texts]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        counts = np.diff(ends[np.cumsum(pieces_of_texts)], prepend=0)
        return DistinctWords(words, of_pieces[stretches(begins[of_texts], lengths)], counts)


def stretches(begins: Integers, lengths: Integers) -> Integers:
    """Where the items of stretches stand that begin at some places and are so long.

    >>> stretches(np.array([3, 0]), np.array([3, 2])).tolist()
    [3, 4, 5, 0, 1]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(begins - (ends - lengths), lengths) + np.arange(total)


def _numbered(rows: Iterable[Sequence[str]]) -> DistinctWords:
    """The strings of rows as numbers of the different ones."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    found, counts = array("q"), array("q")
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        found.extend(map(numbers.__getitem__, chain.from_iterable(some)))
        counts.extend(map(len, some))
    return DistinctWords(list(numbers), np.array(found, np.int64), np.array(counts, np.int64))
