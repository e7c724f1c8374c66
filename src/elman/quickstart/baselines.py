"""What no network is needed for, and what every network has to beat."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def ngram_bits(train: str, test: str, order: int) -> float:
    """Bits a character of `test` by counts of `order` characters in a row in `train`.

    Order 1 is the frequency of each character, order 3 looks at the two before. Orders are mixed
    as by Witten & Bell (1991): with n followers seen after the context, d of them different,

        p(c | context) = (count(context, c) + d p(c | shorter context)) / (n + d)

    down to a uniform choice among the characters of `train` and one for all others.

    >>> ngram_bits("ab" * 1000, "ab" * 50, order=1), ngram_bits("ab" * 1000, "ab" * 50, order=2)
    (1.0..., 0.0...)
    """
    symbols, seen = np.unique(_code_points(train), return_inverse=True)
    codes = _code_points(test)
    place = np.searchsorted(symbols, codes).clip(max=len(symbols) - 1)
    new = np.where(symbols[place] == codes, place, len(symbols))
    size = len(symbols) + 1
    probability = np.full(len(new), 1 / size)
    for length in range(order):
        contexts = _contexts(seen, length, size)
        pairs, counts = np.unique(contexts * size + seen[length:], return_counts=True)
        heads, first = np.unique(pairs // size, return_index=True)
        followers, different = np.add.reduceat(counts, first), np.diff(first, append=len(pairs))
        context = _contexts(np.concatenate([seen[len(seen) - length :], new]), length, size)
        n, d = _find(context, heads, followers), _find(context, heads, different)
        count = _find(context * size + new, pairs, counts)
        known = n > 0
        probability[known] = ((count + d * probability) / np.maximum(n + d, 1))[known]
    return float(-np.log2(probability).mean())


def majority(train: Sequence[str], test: Sequence[str]) -> float:
    """Share of `test` that has the most frequent label of `train`.

    >>> majority(["a", "a", "b"], ["a", "b"])
    0.5
    """
    label = Counter(train).most_common(1)[0][0]
    return sum(each == label for each in test) / len(test)


def error(predicted: NDArray[np.float64] | float, returns: NDArray[np.float64]) -> float:
    """Mean absolute error of the next price, in percent of the last one, from log returns.

    Returns that are NaN do not count. A return of 0 says "as this month" (a random walk), a
    constant one is drift.

    >>> round(error(0.0, np.log([1.10, 0.90])), 2)
    10.0
    """
    return float(100 * np.nanmean(np.abs(np.expm1(predicted) - np.expm1(returns))))


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _contexts(ids: Integers, length: int, size: int) -> Integers:
    """The `length` ids before each but the first `length`, as one number."""
    number = np.zeros(len(ids) - length, np.int64)
    for i in range(length):
        number = number * size + ids[i : i + len(number)]
    return number


def _find(wanted: Integers, keys: Integers, values: Integers) -> Integers:
    """The value of each wanted key, 0 where there is none; `keys` are sorted."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
