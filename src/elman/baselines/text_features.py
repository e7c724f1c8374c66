"""Texts as sparse TF-IDF vectors of hashed word and character n-grams."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from elman.data.text.character_ngrams import character_ngrams, hash_sequences
from elman.data.text.distinct import DistinctPieces, Integers, stretches

WORD_ORDER = 2
CHARACTER_ORDERS = (2, 3, 4, 5)
BUCKETS = 2**18  # for each of the two kinds of n-grams
_LEAST_FREQUENCY = 2  # texts that an n-gram must be in
_FEW = 500  # texts below which no n-gram is too rare
LONGEST = 5000  # characters of a text that are read

# Letters of scripts that write no spaces are words of their own.
WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]"
)


class Sparse(NamedTuple):
    """Rows of a sparse matrix (CSR): `starts` (N + 1), `columns` and `values` (entries,)."""

    starts: Integers
    columns: Integers
    values: NDArray[np.float32]
    width: int

    def rows(self, chosen: Integers) -> "Sparse":
        """Some of the rows, in the order given."""
        counts = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(counts)])
        take = stretches(self.starts[chosen], counts)
        return Sparse(starts, self.columns[take], self.values[take], self.width)


@dataclass(frozen=True)
class NgramVectors:
    """Word 1- and 2-grams and character 2- to 5-grams within words, hashed and weighted.

    An n-gram's bucket is the FNV-1a hash of its code points (of words: of their CRC-32), modulo
    `BUCKETS`. Its weight is (1 + ln count) (1 + ln((1 + N) / (1 + n))), where n of the N training
    texts have it; the words' and the characters' part of a text have norm 1 each. N-grams in
    fewer than two of many training texts are left out.

    >>> vectors = NgramVectors.learn(["good film", "bad film"])
    >>> vectors.transform(["a good film"]).starts.tolist()
    [0, 31]
    """

    columns: Integers  # of each bucket, -1 for one that does not count
    idf: NDArray[np.float32]

    @classmethod
    def learn(cls, texts: Sequence[str], *, most: int = 2 * BUCKETS) -> Self:
        """Columns and their weights from the training texts; `most` of the most frequent."""
        _, buckets, _ = _counts(texts, np.arange(2 * BUCKETS))
        frequency = np.bincount(buckets, minlength=2 * BUCKETS)
        kept = np.flatnonzero(frequency >= (_LEAST_FREQUENCY if len(texts) >= _FEW else 1))
        if len(kept) > most:
            kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:most]])
        columns = np.full(2 * BUCKETS, -1)
        columns[kept] = np.arange(len(kept))
        idf = 1 + np.log((1 + len(texts)) / (1 + frequency[kept]))
        return cls(columns, idf.astype(np.float32))

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.idf)

    def transform(self, texts: Sequence[str]) -> Sparse:
        """The vectors of texts, (N, width)."""
        parts, columns, counts = _counts(texts, self.columns)
        values = (1 + np.log(counts)) * self.idf[columns]
        norms = np.sqrt(np.bincount(parts, values**2, minlength=2 * len(texts)))
        ends = np.cumsum(np.bincount(parts, minlength=2 * len(texts)))[1::2]
        values = (values / norms[parts]).astype(np.float32)
        return Sparse(np.concatenate([[0], ends]), columns, values, self.width)


def _counts(texts: Sequence[str], columns: Integers) -> tuple[Integers, Integers, Integers]:
    """Part, column and count of every different n-gram that has a column, sorted by part.

    Part 2i is of the words of text i, part 2i + 1 of its characters.
    """
    pieces = DistinctPieces(text[:LONGEST].casefold() for text in texts)
    found = [_words(pieces, columns[:BUCKETS]), _characters(pieces, columns[BUCKETS:])]
    keys = [(2 * rows + i) * (2 * BUCKETS) + of_rows for i, (rows, of_rows) in enumerate(found)]
    different, counts = np.unique(np.concatenate(keys), return_counts=True)
    return different // (2 * BUCKETS), different % (2 * BUCKETS), counts


def _words(pieces: DistinctPieces, columns: Integers) -> tuple[Integers, Integers]:
    """Text and column of all word n-grams."""
    different, ids, counts = pieces.words(WORD.findall)
    rows = np.repeat(np.arange(len(counts)), counts)
    codes = np.array([zlib.crc32(w.encode("utf-8", "surrogatepass")) for w in different], np.uint64)
    of_rows, found = [], []
    for order in range(1, WORD_ORDER + 1):
        buckets = hash_sequences(codes[ids], order, BUCKETS)
        known = columns[buckets]
        inside = (rows[: len(buckets)] == rows[order - 1 :]) & (known >= 0)
        of_rows.append(rows[: len(buckets)][inside])
        found.append(known[inside])
    return np.concatenate(of_rows), np.concatenate(found)


def _characters(pieces: DistinctPieces, columns: Integers) -> tuple[Integers, Integers]:
    """Text and column of all character n-grams, hashed once a different word."""
    different, ids, counts = pieces.words(str.split)
    buckets, of_words = character_ngrams(different, CHARACTER_ORDERS, BUCKETS)
    found = columns[buckets]
    is_known = found >= 0
    words = np.repeat(np.arange(len(different)), of_words)[is_known]
    of_words = np.bincount(words, minlength=len(different))
    rows, lengths = np.repeat(np.arange(len(counts)), counts), of_words[ids]
    take = stretches((np.cumsum(of_words) - of_words)[ids], lengths)
    return np.repeat(rows, lengths), found[is_known][take]
