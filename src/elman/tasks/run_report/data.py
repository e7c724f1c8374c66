"""Facts of data: lengths, and inputs that occur more than once."""

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman import html

_BINS = 12
_NOTABLE = 0.01  # share of validation inputs in the training data that wants doing
_LONGEST = 300  # characters of an input that is shown


def shortened(text: str, most: int = _LONGEST) -> str:
    """A text for a table, cut where it is long.

    >>> shortened("a long text", 6), shortened("short")
    ('a long…', 'short')
    """
    return text if len(text) <= most else f"{text[:most]}…"


def key_of(value: Any) -> Hashable:
    """What is equal for equal inputs: a text itself, of numbers a hash of shape and content."""
    if isinstance(value, str):
        return value
    array = np.ascontiguousarray(value)
    return array.shape, hashlib.blake2b(array.tobytes(), digest_size=16).digest()


def lengths(values: Sequence[float], unit: str) -> list[str]:
    """Quantiles and a histogram of lengths; none of no values.

    `values` are counts, or seconds.
    """
    if not len(values):
        return []
    known = np.asarray(values, float)
    whole = bool((known == known.round()).all())
    low, median, high = np.quantile(known, [0, 0.5, 1], method="nearest")
    p90 = np.quantile(known, 0.9, method="nearest")
    figures = {"shortest": low, "median": median, "9 in 10 up to": p90, "longest": high}
    facts = html.facts({name: _number(v, whole=whole) for name, v in figures.items()})
    if low == high:
        return [html.text(f"Length in {unit}:"), facts]
    span = high - low
    bins = min(_BINS, int(span) + 1) if whole else _BINS
    edges = np.linspace(low, high + 1 if whole else high, bins + 1)
    edges = np.unique(np.round(edges)) if whole else edges
    counts, _ = np.histogram(known, edges)
    rows = [
        (_range(first, last, whole=whole), int(count))
        for first, last, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    shares = (counts / counts.max()).tolist()
    table = html.bars([f"length in {unit}", "number"], rows, shares)
    return [html.text(f"Length in {unit}:"), facts, html.folded("Histogram of lengths", table)]


def _range(first: float, last: float, *, whole: bool) -> str:
    if not whole:
        return f"{first:.2f} to {last:.2f}"
    return f"{first:,.0f}" if last - first == 1 else f"{first:,.0f} to {last - 1:,.0f}"


def _number(value: float, *, whole: bool) -> str:
    return f"{value:,.0f}" if whole else f"{value:.2f}"


def left_out(reasons: Mapping[int, str], unit: str) -> list[str]:
    """How many inputs could not be read, and some of the reasons; nothing where all could."""
    if not reasons:
        return []
    words = f"{len(reasons):,} {unit} could not be read and were left out."
    rows = [[shortened(reason)] for reason in list(reasons.values())[:5]]
    return [html.text(words), html.table(["some of the reasons"], rows)]


@dataclass(frozen=True)
class Duplicates:
    """Inputs that are equal.

    - `within`: how many training inputs repeat an earlier one.
    - `shared`: places of the validation inputs that training has, too; `of` them all.
    - `contradicting`: places of training inputs that another one equals with another answer.
    """

    within: int
    shared: list[int]
    of: int
    contradicting: list[int]

    @classmethod
    def of_inputs(
        cls, train: Sequence[Hashable], held_out: Sequence[Hashable], answers: Sequence[Any] = ()
    ) -> "Duplicates":
        """From keys, and the training inputs' answers, if there are any.

        >>> Duplicates.of_inputs(["a", "b", "a"], ["c", "b"], ["+", "+", "-"])
        Duplicates(within=1, shared=[1], of=2, contradicting=[0, 2])
        """
        seen = Counter(train)
        shared = [i for i, key in enumerate(held_out) if key in seen]
        of_key: dict[Hashable, set[Any]] = {}
        for key, answer in zip(train, answers, strict=False):
            of_key.setdefault(key, set()).add(answer)
        contradicting = [i for i, key in enumerate(train) if len(of_key.get(key, ())) > 1]
        return cls(len(train) - len(seen), shared, len(held_out), contradicting)

    @property
    def advice(self) -> list[str]:
        """What to do about validation data that training has seen."""
        if not self.shared or len(self.shared) < _NOTABLE * self.of:
            return []
        return [
            f"{len(self.shared):,} of {self.of:,} validation inputs are in the training data,"
            " too: the metrics look better than they are. Hold out data without them."
        ]

    def parts(self, what: str, shown: Callable[[int], str]) -> list[str]:
        """A sentence, and some of the inputs that both parts have.

        `what` are the inputs, as "texts"; `shown` gives a validation input to show.
        """
        words = (
            f"Exact duplicates: {self.within:,} of the training {what} repeat another;"
            f" {len(self.shared):,} of the {self.of:,} validation {what} occur in training, too."
        )
        if self.contradicting:
            words += (
                f" {len(self.contradicting):,} training {what} have equal ones with other labels."
            )
        if not self.shared:
            return [html.text(words)]
        rows = [[shortened(shown(i))] for i in self.shared[:5]]
        caption = "Some of those in both."
        return [html.text(words), html.table(["validation input"], rows, caption=caption)]
