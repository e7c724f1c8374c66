"""Interpolated modified Kneser-Ney n-gram models (Chen & Goodman 1999) of token ids.

`elman.decode.ngram` estimates the same from sentences of words for a recogniser's search, in
dictionaries; here a stream of a million ids is counted by sorting.
"""

import math
import time
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from elman.baselines.result import Baseline
from elman.errors import DataError

MOST_ORDER = 6
_ORDER_OF_MANY = 4  # at most, with more tokens than a set of characters
_FEW_TOKENS = 1000
_MOST_TRAINING = 5_000_000  # ids
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
        plain: list[_Counts] = []
        continuations: list[_Counts] = []
        contexts, number = np.zeros(len(ids), np.int64), 1
        shorter, shorter_of, shorter_number = contexts, contexts, 0
        for n in range(1, min(order, len(ids)) + 1):
            key = contexts * size + ids[n - 1 :]
            known, first, grams, counts = np.unique(key, True, True, True)
            of = known // size
            if n > 1:  # each different n-gram is one more token before its last n - 1
                before = np.bincount(shorter[first + 1], minlength=len(keys[-1]))
                continuations.append(_Counts.of(before.clip(min=1), shorter_of, shorter_number))
            keys.append(known)
            plain.append(_Counts.of(counts, of, number))
            shorter, shorter_of, shorter_number = grams, of, number
            contexts, number = grams[:-1], len(known)
        return cls(size, keys, plain, continuations)

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


def kneser_ney(
    train: Any, ids: Any, *, size: int, characters: Any = None, order: int | None = None
) -> Baseline:
    """An n-gram model of token ids, measured on held-out ids.

    **Arguments:**

    - `train`, `ids`: (N,), (M,) integers from 0 to `size` - 1, each a stream in its order. Of more
      than 5,000,000 training ids the last count; `note` says so.
    - `characters`: (M,) of how many characters each held-out id is, for bits a character.
    - `order`: the ids of an n-gram; None for what is best on the last tenth of the training ids,
      up to 6, or 4 with more than 1,000 different tokens.

    **Returns:** `loss` (nats a token), `perplexity` and with `characters` `bits_per_character`.

    >>> result = kneser_ney([0, 1, 2] * 50, [0, 1, 2] * 5, size=3)
    >>> round(result.metrics["perplexity"], 1)
    1.1
    """
    started = time.perf_counter()
    known = np.asarray(train)
    kept = _ids(known[-_MOST_TRAINING:] if known.ndim else known, size, "train")
    held_out = _ids(ids, size, "ids")
    if order is None:
        order = _best_order(kept, size)
    losses = KneserNey.fit(kept, size=size, order=order).losses(held_out)
    loss = float(losses.mean())
    metrics = {"loss": loss, "perplexity": math.exp(loss)}
    if characters is not None:
        total = float(np.sum(characters))
        metrics["bits_per_character"] = float(losses.sum()) / total / math.log(2)
    note = ""
    if len(kept) < len(known):
        note = f"trained on the last {len(kept):,} of {len(known):,} tokens"
    seconds = time.perf_counter() - started
    name = f"Kneser-Ney {order}-grams"
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
