"""A look at pairs before training: what cannot be right, and what is doubtful."""

import difflib
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from elman.data.pairs.pairs import Pairs, text_key
from elman.data.pairs.scripts import Scripts, are_mostly_other, letter_counts
from elman.data.pairs.side_words import SideWords
from elman.data.pairs.steps import lengths_of, runs_out_of_step
from elman.errors import DataError, SettingsError

_HARMFUL = (
    "empty",
    "too long",
    "length ratio",
    "swapped",
    "wrong script",
    "out of step",
    "duplicate",
)
_FARTHEST = 6.0  # robust standard deviations of the length
_FACTOR = 2.0  # and at least so many times the usual ratio, or a part of it
_LONGEST, _TIMES_USUAL = 5000, 50  # characters, and times the median length of the side
_LEAST_LETTERS = 3
_COVERED = 0.8  # of a side's letters are in its usual scripts, or it has none
_ALIKE = 0.7  # of the characters, by difflib, of the two sides of pairs in one language
_SAMPLE, _COMPARED = 200, 100  # pairs and characters of them that are compared
_MOST_SHOWN = 5  # of a kind


@dataclass(frozen=True)
class PairProblem:
    """What is wrong with one pair, or with a run of them.

    **Fields:**

    - `index`, `count`: the first pair, and how many from there.
    - `name`: file and line of the first.
    - `kind`: empty, too long, length ratio, swapped, wrong script, out of step, duplicate,
      identical or in both.
    - `text`: the same in words.
    """

    index: int
    name: str
    kind: str
    text: str
    count: int = 1

    @property
    def is_harmful(self) -> bool:
        """Whether `clean` drops the pair."""
        return self.kind in _HARMFUL


@dataclass(frozen=True)
class PairsCheck:
    """What a check found in `size` pairs; `problems` are in the pairs' order."""

    size: int
    problems: tuple[PairProblem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs of each kind of problem, the most frequent first."""
        counts: Counter[str] = Counter()
        for problem in self.problems:
            counts[problem.kind] += problem.count
        return dict(counts.most_common())

    def summary(self) -> str:
        """How many pairs, and of each kind of problem how many and the first with file and line."""
        lines = [f"{self.size:,} pairs"]
        if not self.problems:
            lines.append("nothing is wrong with them")
        for kind, count in self.counts.items():
            dropped = ", which cleaning drops" if kind in _HARMFUL else ""
            lines.append(f"{count:,} {kind}{dropped}")
            found = [problem for problem in self.problems if problem.kind == kind]
            lines += [f"  {each.name}: {each.text}" for each in found[:_MOST_SHOWN]]
            if len(found) > _MOST_SHOWN:
                lines.append(f"  and {len(found) - _MOST_SHOWN:,} more")
        return "\n".join(lines)

    @property
    def harmful(self) -> dict[int, str]:
        """The kind of problem of each pair that `clean` drops, by its place."""
        kinds: dict[int, str] = {}
        for problem in self.problems:
            if problem.is_harmful:
                for i in range(problem.index, problem.index + problem.count):
                    kinds.setdefault(i, problem.kind)
        return kinds

    def clean(self, pairs: Pairs) -> Pairs:
        """The pairs without those that harm training; a warning says how many of which kind.

        Harm is done by all kinds but identical sides and sources that are in both datasets.
        """
        if not isinstance(pairs, Pairs) or len(pairs) != self.size:
            raise SettingsError(f"clean takes the {self.size:,} pairs that were checked")
        kinds = self.harmful
        if not kinds:
            return pairs
        if len(kinds) == len(pairs):
            first = self.problems[0]
            raise DataError(f"no pair can be used; {first.name}: {first.text}")
        warnings.warn(dropped(Counter(kinds.values()), len(pairs)), stacklevel=2)
        return pairs.select(i for i in range(len(pairs)) if i not in kinds)


def dropped(kinds: Counter[str], size: int) -> str:
    """How many of so many pairs are left out, by the kinds of their problems."""
    counts = ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common())
    return f"{kinds.total():,} of {size:,} pairs are dropped: {counts}"


def check_pairs(pairs: Pairs, other: Pairs | None = None) -> PairsCheck:
    """Look for pairs that harm training, by rules that the data sets for itself.

    **Arguments:**

    - `pairs`: with targets.
    - `other`: validation or test data, whose sources should not be in `pairs`.

    **Returns:** `PairsCheck`, whose kinds of problem are

    - empty: a side without text;
    - too long: a side of more than 5,000 characters, and 50 times the median;
    - length ratio: the target is too long or too short for its source: 6 robust standard deviations
      (Gale and Church 1993) and a factor of 2 from what is usual;
    - swapped: the sides are in each other's script, or have each other's frequent words alone;
    - wrong script: four fifths of a text's letters are of scripts that are rare on that side, each
      less than 5 % of its letters;
    - out of step: a run of pairs whose targets fit the sources of lines before or after better;
    - duplicate: the same pair has occurred before;
    - identical: both sides are the same, unless that is what the task is about;
    - in both: the source is in `other`, too, but for case and white space.

    >>> from elman.data import read_pairs
    >>> found = check_pairs(read_pairs([("one", "eins"), ("two", ""), ("one", "eins")]))
    >>> print(found.summary())
    3 pairs
    1 empty, which cleaning drops
      pair 1: the target is empty
    1 duplicate, which cleaning drops
      pair 2: the same as pair 0
    """
    for argument, value in (("pairs", pairs), ("other", other)):
        if not isinstance(value, Pairs) and not (argument == "other" and value is None):
            raise SettingsError(
                f"{argument}: check_pairs takes what read_pairs gives, not a {type(value).__name__}"
            )
    if pairs.targets is None:
        raise DataError("pairs without targets cannot be checked")
    look = _Look(pairs, pairs.targets)
    problems = [*look.empty(), *look.too_long(), *look.ratios(), *look.scripts()]
    problems += [*look.out_of_step(), *look.repeated(), *look.identical()]
    if other is not None:
        problems += look.in_both(other)
    return PairsCheck(len(pairs), tuple(sorted(problems, key=lambda problem: problem.index)))


class _Look:
    """The pairs with what several rules look at; a pair of an empty side is empty, no more."""

    def __init__(self, pairs: Pairs, targets: list[str]) -> None:
        self.names = pairs.names
        self.sides = {"source": pairs.sources, "target": targets}
        self.pairs = list(zip(pairs.sources, targets, strict=True))
        self.lengths = {
            side: np.array([len(text.strip()) for text in texts], np.float64)
            for side, texts in self.sides.items()
        }
        self.is_full = (self.lengths["source"] > 0) & (self.lengths["target"] > 0)
        self.letters = {side: letter_counts(texts) for side, texts in self.sides.items()}
        self.by_script = self._swapped()
        words = SideWords.of(pairs.sources, targets)
        by_words = np.array([words.are_swapped(*pair) for pair in self.pairs], np.bool_)
        self.swapped = self.by_script | by_words
        self.runs = runs_out_of_step(pairs.sources, targets)

    def problem(self, index: int, kind: str, text: str, count: int = 1) -> PairProblem:
        return PairProblem(index, self.names[index], kind, text, count)

    def empty(self) -> Iterator[PairProblem]:
        for i in np.flatnonzero(~self.is_full).tolist():
            sides = [side for side, lengths in self.lengths.items() if not lengths[i]]
            what = f"the {sides[0]} is" if len(sides) == 1 else "both sides are"
            yield self.problem(i, "empty", f"{what} empty")

    def too_long(self) -> Iterator[PairProblem]:
        told: set[int] = set()
        for side, lengths in self.lengths.items():
            usual = float(np.median(lengths[self.is_full])) if self.is_full.any() else 0.0
            limit = max(_LONGEST, _TIMES_USUAL * usual)
            for i in np.flatnonzero(lengths > limit).tolist():
                if i not in told:
                    told.add(i)
                    words = (
                        f"the {side} has {lengths[i]:,.0f} characters, the median is {usual:,.0f}"
                    )
                    yield self.problem(i, "too long", words)

    def ratios(self) -> Iterator[PairProblem]:
        source, target = (np.maximum(self.lengths[side], 1.0) for side in self.sides)
        usual = self.is_full & ~self.swapped
        relation = lengths_of(source[usual], target[usual])
        factor = target / source / relation.ratio
        is_far = np.abs(relation.deviation(source, target)) > _FARTHEST
        is_far &= np.maximum(factor, 1 / factor) >= _FACTOR
        for run in self.runs:
            is_far[run.start : run.end] = False
        for i in np.flatnonzero(is_far & usual).tolist():
            words = (
                f"{source[i]:,.0f} characters become {target[i]:,.0f}; usual are"
                f" {source[i] * relation.ratio:,.0f}"
            )
            yield self.problem(i, "length ratio", words)

    def scripts(self) -> Iterator[PairProblem]:
        known = {side: Scripts.of_counts(counts) for side, counts in self.letters.items()}
        for i in np.flatnonzero(self.swapped).tolist():
            what = "script" if self.by_script[i] else "language"
            yield self.problem(i, "swapped", f"each side is in the {what} of the other one")
        told = self.swapped.copy()
        for side, counts in self.letters.items():
            usual = known[side].usual
            if sum(known[side].shares[name] for name in usual) < _COVERED:
                continue
            strange = are_mostly_other(counts, known[side]) & (counts.sum(1) >= _LEAST_LETTERS)
            for i in np.flatnonzero(strange & self.is_full & ~told).tolist():
                found = next(iter(Scripts.of_counts(counts[i : i + 1]).shares))
                words = f"the {side} is in {found}, where {' and '.join(usual)} is usual"
                yield self.problem(i, "wrong script", words)
            told |= strange

    def _swapped(self) -> NDArray[np.bool_]:
        """Pairs whose sides' scripts are those of more pairs the other way round, (N,)."""
        counts = list(self.letters.values())
        width = max(each.shape[1] for each in counts)
        main = [
            np.where(each.any(1), each.argmax(1), -1) if each.shape[1] else np.full(len(each), -1)
            for each in counts
        ]
        differ = (main[0] != main[1]) & (main[0] >= 0) & (main[1] >= 0)
        both = np.zeros((width + 1, width + 1), np.int64)
        np.add.at(both, (main[0][differ], main[1][differ]), 1)
        swapped: NDArray[np.bool_] = differ & (both[main[1], main[0]] > both[main[0], main[1]])
        return swapped

    def out_of_step(self) -> Iterator[PairProblem]:
        for run in self.runs:
            count = run.end - run.start
            last = self.names[run.end - 1]
            lines = f"{abs(run.shift)} line{'s' if abs(run.shift) > 1 else ''}"
            where = "after" if run.shift > 0 else "before"
            words = f"to {last}, {count:,} targets fit the sources {lines} {where} them better"
            yield self.problem(run.start, "out of step", words, count)

    def repeated(self) -> Iterator[PairProblem]:
        first: dict[tuple[str, str], int] = {}
        for i, pair in enumerate(self.pairs):
            if self.is_full[i] and first.setdefault(pair, i) != i:
                yield self.problem(i, "duplicate", f"the same as {self.names[first[pair]]}")

    def identical(self) -> Iterator[PairProblem]:
        same = [
            i for i, (source, target) in enumerate(self.pairs) if source.strip() == target.strip()
        ]
        same = [i for i in same if self.letters["source"][i].any()]
        if same and not self._are_alike(set(same)):
            for i in same:
                yield self.problem(i, "identical", "both sides are the same")

    def _are_alike(self, same: set[int]) -> bool:
        """Whether a target usually resembles its source, as in the repair of spelling."""
        others = [i for i in range(len(self.pairs)) if i not in same and self.is_full[i]]
        if len(same) >= len(others):
            return True
        chosen = others[:: max(1, len(others) // _SAMPLE)]
        return median(_likeness(*self.pairs[i]) for i in chosen) >= _ALIKE

    def in_both(self, other: Pairs) -> Iterator[PairProblem]:
        there = {
            text_key(text): name for text, name in zip(other.sources, other.names, strict=True)
        }
        there.pop("", None)
        for i, source in enumerate(self.sides["source"]):
            if name := there.get(text_key(source)):
                yield self.problem(i, "in both", f"the source is in the other data, too: {name}")


def _likeness(source: str, target: str) -> float:
    return difflib.SequenceMatcher(None, source[:_COMPARED], target[:_COMPARED], False).ratio()
