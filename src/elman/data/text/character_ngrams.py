"""Hashed character n-grams of words (Bojanowski et al. 2017)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a, 64 bits

Integers = NDArray[np.int64]


class CharacterNgrams(NamedTuple):
    """The n-grams of words, one word after the other.

    `buckets` (N,) of all n-grams; `counts` (W,), how many each word has. int64.
    """

    buckets: Integers
    counts: Integers


def character_ngrams(
    words: Sequence[str], orders: Sequence[int], buckets: int, *, longest: int | None = None
) -> CharacterNgrams:
    """The buckets of each word's n-grams, where a space marks its beginning and its end.

    **Arguments:** `orders`: the values of n; `buckets`: their number; `longest`: characters of a
    word that are read, all if None.

    >>> found = character_ngrams(["ab", "a"], (3,), 100)  # " ab", "ab " and " a "
    >>> found.counts.tolist(), bool((found.buckets < 100).all())
    ([2, 1], True)
    """
    text = "".join(f" {word[:longest]} " for word in words)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    lengths = np.array([len(word[:longest]) + 2 for word in words], np.int64)
    word = np.repeat(np.arange(len(words)), lengths)
    found, of = [], []
    for order in orders:
        hashed = hash_sequences(codes, order, buckets)
        inside = word[: len(hashed)] == word[len(word) - len(hashed) :]
        found.append(hashed[inside])
        of.append(word[: len(hashed)][inside])
    of_word = np.concatenate(of)
    in_order = np.argsort(of_word, kind="stable")
    counts = np.bincount(of_word, minlength=len(words))
    return CharacterNgrams(np.concatenate(found)[in_order], counts)


def hash_sequences(codes: NDArray[np.uint64], order: int, buckets: int) -> Integers:
    """The bucket of every `order` codes in a row: their FNV-1a hash modulo `buckets`."""
    count = max(0, len(codes) - order + 1)
    found = np.full(count, _OFFSET ^ order, np.uint64)
    for i in range(order):
        found = (found ^ codes[i : i + count]) * np.uint64(_PRIME)
    found ^= found >> np.uint64(32)
    return (found % np.uint64(buckets)).astype(np.int64)
