"""Texts as sparse TF-IDF vectors of hashed word and character n-grams."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from elman.data.text.character_ngrams import Integers, character_ngrams, hash_sequences

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
        take = np.repeat(self.starts[chosen] - starts[:-1], counts) + np.arange(starts[-1])
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
        _, buckets, _ = _counts(texts)
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
        rows, buckets, counts = _counts(texts)
        is_known = self.columns[buckets] >= 0
        rows, buckets, counts = rows[is_known], buckets[is_known], counts[is_known]
        columns = self.columns[buckets]
        values = (1 + np.log(counts)) * self.idf[columns]
        part = 2 * rows + (buckets >= BUCKETS)
        norms = np.sqrt(np.bincount(part, values**2, minlength=2 * len(texts)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(texts)))])
        values = (values / norms[part]).astype(np.float32)
        return Sparse(starts.astype(np.int64), columns, values, self.width)


def _counts(texts: Sequence[str]) -> tuple[Integers, Integers, Integers]:
    """Text, bucket and count of every different n-gram of each text, sorted by text."""
    texts = [text[:LONGEST].casefold() for text in texts]
    words = _words([WORD.findall(text) for text in texts])
    rows, buckets = _characters([text.split() for text in texts])
    keys = np.concatenate([words, rows * (2 * BUCKETS) + buckets + BUCKETS])
    keys, counts = np.unique(keys, return_counts=True)
    return keys // (2 * BUCKETS), keys % (2 * BUCKETS), counts


def _numbered(parted: Sequence[Sequence[str]]) -> tuple[list[str], Integers, Integers]:
    """The different words, and of every word in a row its text and its number among them."""
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(w, len(numbers)) for row in parted for w in row], np.int64)
    rows = np.repeat(np.arange(len(parted)), [len(row) for row in parted])
    return list(numbers), rows, ids


def _words(parted: Sequence[Sequence[str]]) -> Integers:
    """Text and bucket, as one number, of all word n-grams."""
    different, rows, ids = _numbered(parted)
    codes = np.array([zlib.crc32(w.encode("utf-8", "surrogatepass")) for w in different], np.uint64)
    keys = []
    for order in range(1, WORD_ORDER + 1):
        buckets = hash_sequences(codes[ids], order, BUCKETS)
        inside = rows[: len(buckets)] == rows[order - 1 :]
        keys.append((rows[: len(buckets)] * (2 * BUCKETS) + buckets)[inside])
    return np.concatenate(keys)


def _characters(parted: Sequence[Sequence[str]]) -> tuple[Integers, Integers]:
    """Text and bucket of all character n-grams, hashed once a different word."""
    different, rows, ids = _numbered(parted)
    buckets, counts = character_ngrams(different, CHARACTER_ORDERS, BUCKETS)
    begins = np.cumsum(counts) - counts
    repeats = counts[ids]
    ends = np.cumsum(repeats)
    total = int(ends[-1]) if len(ends) else 0
    take = np.repeat(begins[ids] - (ends - repeats), repeats) + np.arange(total)
    return np.repeat(rows, repeats), buckets[take]
