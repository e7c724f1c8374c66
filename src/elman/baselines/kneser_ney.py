"""Interpolated modified Kneser-Ney n-gram models (Chen & Goodman 1999) of token ids.

`elman.decode.ngram` estimates the same from sentences of words for a recogniser's search, in
dictionaries; here a stream of a million ids is counted by sorting.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from elman.baselines.result import Baseline
from elman.errors import DataError

MOST_ORDER = 6
MOST_TRAINING = 5_000_000  # ids
_ORDER_OF_MANY = 4  # at most, with more tokens than a set of characters
_FEW_TOKENS = 1000
_PART = 0.1  # of the training ids, to choose the order by
_FALLBACK = np.array([0.0, 0.5, 1.0, 1.5])

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Counts:
    """Counts of the n-grams of one order, plain or of different tokens before them."""

    counts: Integers  # of each n-gram
    discounts: Floats  # of counts 0, 1, 2 and 3 or more
    totals: Floats  # of each context
    freed: Floats  # of each context: what the discounts leave to the lower order

    @classmethod
    def of(cls, counts: Integers, contexts: Integers, number: int) -> Self:
        """From n-grams' counts and contexts, of which there are `number`."""
        discounts = _discounts(counts)
        totals = np.bincount(contexts, counts.astype(np.float64), number).astype(np.float64)
        freed = np.bincount(contexts, discounts[np.minimum(counts, 3)], number).astype(np.float64)
        return cls(counts, discounts, totals, freed)

    def interpolated(self, grams: Integers, contexts: Integers, lower: Floats) -> Floats:
        """The probabilities of n-grams (-1: not seen) in contexts, given those of lower order."""
        counts = np.where(grams >= 0, self.counts[grams], 0)
        own = counts - self.discounts[np.minimum(counts, 3)]
        total = self.totals[contexts]
        is_known = (contexts >= 0) & (total > 0)
        mixed = (own + self.freed[contexts] * lower) / np.where(is_known, total, 1)
        return np.where(is_known, mixed, lower)

    def mix(self, lower: Floats, context: int, ids: Integers, grams: slice) -> None:
        """In place of `lower`, the probabilities of all ids after one context.

        `ids` were seen there, as the n-grams of these numbers.
        """
        if self.totals[context] > 0:
            counts = self.counts[grams]
            lower *= self.freed[context]
            lower[ids] += counts - self.discounts[np.minimum(counts, 3)]
            lower /= self.totals[context]


@dataclass(frozen=True, eq=False)
class KneserNey:
    """An n-gram model of ids below `size`, a proper distribution after every context.

    >>> model = KneserNey.fit(np.array([0, 1] * 50), size=3, order=2)
    >>> model.losses(np.array([0, 1, 0, 1])).round(2).tolist()[1:]
    [0.02, 0.02, 0.02]
    """

    size: int
    keys: list[Integers]  # of each order, sorted: context's number times `size` plus the id
    plain: list[_Counts]
    continuations: list[_Counts]  # of all orders but the highest

    @classmethod
    def fit(cls, ids: Integers, *, size: int, order: int) -> Self:
        """Count the n-grams of up to `order` ids; fewer where there are not as many ids."""
        keys: list[Integers] = []
        counted: list[Integers] = []
        contexts = np.zeros(len(ids), np.int64)
        for n in range(1, min(order, len(ids)) + 1):
            key = contexts * size + ids[n - 1 :]
            known, grams, counts = np.unique(key, return_inverse=True, return_counts=True)
            keys.append(known)
            counted.append(counts)
            contexts = grams[:-1]
        return cls.of_counts(keys, counted, size)

    @classmethod
    def of_counts(cls, keys: list[Integers], counted: list[Integers], size: int) -> Self:
        """From the n-grams of each order, as `keys` has them, and how often each was seen."""
        plain: list[_Counts] = []
        continuations: list[_Counts] = []
        shorter, contexts = np.zeros(0, np.int64), 1
        for n, (known, counts) in enumerate(zip(keys, counted, strict=True)):
            of = known // size
            if n:  # each different n-gram is one more token before its last n - 1
                before = np.bincount(_ends(keys, n, size), minlength=len(keys[n - 1]))
                number = 1 if n == 1 else len(keys[n - 2])
                continuations.append(_Counts.of(before.clip(min=1), shorter, number))
            plain.append(_Counts.of(counts, of, contexts))
            shorter, contexts = of, len(known)
        return cls(size, keys, plain, continuations)

    @classmethod
    def learn(cls, ids: Integers, *, size: int) -> Self:
        """`fit` to the last 5,000,000 ids, by the order that is best on the last tenth of them."""
        kept = _ids(ids[-MOST_TRAINING:], size, "train")
        return cls.fit(kept, size=size, order=_best_order(kept, size))

    @property
    def order(self) -> int:
        """The ids of an n-gram."""
        return len(self.keys)

    @property
    def count(self) -> int:
        """The ids that it was learnt from."""
        return int(self.plain[0].counts.sum())

    def after(self, context: Sequence[int]) -> Floats:
        """The probability of each id after those before it, (size,).

        >>> model = KneserNey.fit(np.array([0, 1, 2] * 50), size=3, order=2)
        >>> model.after([0]).round(2).tolist()
        [0.01, 0.98, 0.01]
        """
        found = np.full(self.size, 1 / self.size)
        for n in range(self.order):
            place = self._place(list(context)[len(context) - n :]) if n <= len(context) else -1
            if place < 0:
                break
            first, keys = place * self.size, self.keys[n]
            start, stop = keys.searchsorted(first), keys.searchsorted(first + self.size)
            is_longest = n == self.order - 1
            counts = self.plain[n] if is_longest else self.continuations[n]
            counts.mix(found, place, keys[start:stop] - first, slice(start, stop))
        return found

    def _place(self, ids: Sequence[int]) -> int:
        """The number of an n-gram among those of its order; 0 of none, -1 if it was not seen."""
        place = 0
        for keys, each in zip(self.keys, ids, strict=False):
            wanted = place * self.size + int(each)
            place = int(keys.searchsorted(wanted))
            if place == len(keys) or keys[place] != wanted:
                return -1
        return place

    def probabilities(self, ids: Integers) -> list[Floats]:
        """Of each id after those before it, by the models of order 1, 2, ... alike."""
        lower = np.full(len(ids), 1 / self.size)
        contexts = np.zeros(len(ids), np.int64)
        found = []
        for n, keys in enumerate(self.keys):
            wanted = np.where(contexts >= 0, contexts * self.size + ids, -1)
            at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
            grams = np.where(keys[at] == wanted, at, -1)
            found.append(self.plain[n].interpolated(grams, contexts, lower))
            if n < len(self.continuations):
                lower = self.continuations[n].interpolated(grams, contexts, lower)
                contexts = np.concatenate([[-1], grams[:-1]])
        return found

    def losses(self, ids: Integers) -> Floats:
        """Negative log probabilities (nats) of each id after those before it."""
        return -np.log(self.probabilities(ids)[-1])


def _ends(keys: list[Integers], n: int, size: int) -> Integers:
    """Of each n-gram of order n + 1 the number of the one of order n that it ends with."""
    place = np.zeros(len(keys[n]), np.int64)
    at, ids = np.arange(len(keys[n])), []
    for known in reversed(keys[: n + 1]):
        ids.append(known[at] % size)
        at = known[at] // size
    for known, token in zip(keys, reversed(ids[:-1]), strict=False):
        place = np.searchsorted(known, place * size + token)
    return place


def kneser_ney(
    train: Any,
    ids: Any,
    *,
    size: int,
    characters: Any = None,
    order: int | None = None,
    learnt: KneserNey | None = None,
) -> Baseline:
    """An n-gram model of token ids, measured on held-out ids.

    **Arguments:**

    - `train`, `ids`: (N,), (M,) integers from 0 to `size` - 1, each a stream in its order. Of more
      than 5,000,000 training ids the last count; `note` says so.
    - `characters`: (M,) of how many characters each held-out id is, for bits a character.
    - `order`: the ids of an n-gram; None for what is best on the last tenth of the training ids,
      up to 6, or 4 with more than 1,000 different tokens.
    - `learnt`: what `KneserNey.learn` made of `train`, if it was made already.

    **Returns:** `loss` (nats a token), `perplexity` and with `characters` `bits_per_character`.

    >>> result = kneser_ney([0, 1, 2] * 50, [0, 1, 2] * 5, size=3)
    >>> round(result.metrics["perplexity"], 1)
    1.1
    """
    started = time.perf_counter()
    known = np.asarray(train)
    kept = _ids(known[-MOST_TRAINING:] if known.ndim else known, size, "train")
    held_out = _ids(ids, size, "ids")
    if learnt is None:
        learnt = KneserNey.fit(kept, size=size, order=order or _best_order(kept, size))
    losses = learnt.losses(held_out)
    loss = float(losses.mean())
    metrics = {"loss": loss, "perplexity": math.exp(loss)}
    if characters is not None:
        total = float(np.sum(characters))
        metrics["bits_per_character"] = float(losses.sum()) / total / math.log(2)
    note = ""
    if len(kept) < len(known):
        note = f"trained on the last {len(kept):,} of {len(known):,} tokens"
    seconds = time.perf_counter() - started
    name = f"Kneser-Ney {order or learnt.order}-grams"
    return Baseline(name, metrics, losses, seconds, "loss", maximize=False, note=note)


def _best_order(ids: Integers, size: int) -> int:
    most = MOST_ORDER if size <= _FEW_TOKENS else _ORDER_OF_MANY
    held = max(1, int(len(ids) * _PART))
    if len(ids) <= held:
        return 1
    found = KneserNey.fit(ids[:-held], size=size, order=most).probabilities(ids[-held:])
    return 1 + int(np.argmin([-np.log(each).mean() for each in found]))


def _discounts(counts: Integers) -> Floats:
    """What is taken from counts of 0, 1, 2 and 3 or more."""
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()
    if n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        found = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        if (found[1:] > 0).all() and (found <= np.arange(4)).all():
            return found
    return _FALLBACK


def _ids(values: Any, size: int, name: str) -> Integers:
    found = np.asarray(values)
    if found.ndim != 1 or not len(found) or found.dtype.kind not in "iu":
        raise DataError(f"{name} must be a list of token ids, at least one")
    if found.min() < 0 or found.max() >= size:
        raise DataError(
            f"{name} must be from 0 to {size - 1}, they are from {found.min()} to {found.max()}"
        )
    return found.astype(np.int64)
