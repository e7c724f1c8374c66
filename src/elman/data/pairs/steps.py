"""Lines out of step: runs of pairs whose targets fit the sources of neighbouring lines better."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SHIFTS = (1, -1, 2, -2)
_LEAST_SCORE = 20.0
_LEAST_PAIRS = 10
_COST = 0.5  # of a pair of a run, so that pairs which fit both ways equally well begin none
_LEAST_SCALE = 0.5  # where lengths hardly deviate, as in copying
_NONE = -1e6  # where there is no line to compare with
_DIGITS = re.compile("[0-9]+")
_WORDS_COUNTED = 3
_CHARACTERS = 80  # in which words in common are looked for
_RARE, _RARE_AT_ALL = 0.001, 10  # times as often as there are texts, or so many times, at most


class Run(NamedTuple):
    """Pairs from `start` to before `end`; their targets fit the sources `shift` lines further."""

    start: int
    end: int
    shift: int
    score: float


class Lengths(NamedTuple):
    """How the lengths of targets follow those of sources (Gale and Church 1993).

    A target is about `ratio` as long as its source; the deviation, by the root of the length, has
    the median `center` and the robust deviation `scale`.
    """

    ratio: float
    center: float
    scale: float

    def deviation(
        self, source: NDArray[np.float64], target: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """How far lengths in characters deviate, in robust standard deviations."""
        return (_raw_deviation(source, target, self.ratio) - self.center) / self.scale


def lengths_of(source: NDArray[np.float64], target: NDArray[np.float64]) -> Lengths:
    """The relation of lengths of texts that are not empty."""
    if not len(source):
        return Lengths(1.0, 0.0, 1.0)
    ratio = float(np.median(target / source))
    raw = _raw_deviation(source, target, ratio)
    center = float(np.median(raw))
    return Lengths(
        ratio, center, max(1.4826 * float(np.median(np.abs(raw - center))), _LEAST_SCALE)
    )


def _raw_deviation(
    source: NDArray[np.float64], target: NDArray[np.float64], ratio: float
) -> NDArray[np.float64]:
    target = target / ratio
    return (target - source) / np.sqrt(np.maximum((target + source) / 2, 1.0))


def runs_out_of_step(sources: Sequence[str], targets: Sequence[str]) -> list[Run]:
    """Long runs of pairs that fit better shifted by one or two lines, in their order.

    How well two texts fit is judged by their lengths, numbers, question and exclamation marks, and
    words in common.
    """
    if len(sources) < 2 * _LEAST_PAIRS:
        return []
    common, ids = _common_words(sources, targets), dict[str, int]()
    first, second = _Features(sources, common, ids), _Features(targets, common, ids)
    both = (first.length > 0) & (second.length > 0)
    lengths = lengths_of(first.length[both], second.length[both])
    in_step = first.fit(second, 0, lengths)
    runs = []
    for shift in _SHIFTS:
        gain = first.fit(second, shift, lengths) - in_step - _COST
        runs += _runs(gain, shift)
    kept: list[Run] = []
    for run in sorted(runs, key=lambda run: -run.score):
        if all(run.end <= other.start or run.start >= other.end for other in kept):
            kept.append(run)
    return sorted(kept)


class _Features:
    """What is compared of the texts of one side."""

    def __init__(self, texts: Sequence[str], common: dict[str, int], ids: dict[str, int]) -> None:
        self.count = len(texts)
        self.length = np.array([len(text.strip()) for text in texts], np.float64)
        self.asks = np.array(["?" in text or "？" in text for text in texts], bool)
        self.calls = np.array(["!" in text or "！" in text for text in texts], bool)
        known = frozenset(common)
        found = map(_DIGITS.findall, texts)
        self.numbers = np.array(
            [ids.setdefault(" ".join(sorted(each)), len(ids) + 1) if each else 0 for each in found],
            np.int64,
        )
        words = [known.intersection(_words(text)) for text in texts] if known else []
        self.owner = np.repeat(np.arange(len(words)), [len(each) for each in words])
        self.words = np.array([common[word] for each in words for word in each], np.int64)

    def fit(self, other: "_Features", shift: int, lengths: Lengths) -> NDArray[np.float64]:
        """How well each text of the other side fits the one of this side `shift` lines further.

        It is a sum of logarithms of odds, about; (N,), far below 0 where there is no such line.
        """
        here = np.arange(max(0, -shift), min(self.count, self.count - shift))
        there = here + shift
        deviation = lengths.deviation(self.length[there], other.length[here])
        score = -0.5 * np.minimum(deviation**2, 9.0)
        score += 1.5 * (self.asks[there] == other.asks[here])
        score += 1.0 * (self.calls[there] == other.calls[here])
        numbers, others = self.numbers[there], other.numbers[here]
        score += 3.0 * ((numbers == others) & (numbers > 0)) - 1.5 * (numbers != others)
        found = np.full(self.count, _NONE)
        found[here] = score
        return found + self._words_in_common(other, shift)

    def _words_in_common(self, other: "_Features", shift: int) -> NDArray[np.float64]:
        """How many rare words, up to 3, the texts have in common, (N,)."""
        width = int(max(self.words.max(initial=0), other.words.max(initial=0))) + 1
        keys = [
            (each.owner - moved) * width + each.words for each, moved in ((self, shift), (other, 0))
        ]
        common = np.intersect1d(keys[0], keys[1], assume_unique=True) // width
        common = common[(common >= 0) & (common < self.count)]
        return np.minimum(np.bincount(common, minlength=self.count), _WORDS_COUNTED)


def _words(text: str) -> list[str]:
    """The first words."""
    return text[:_CHARACTERS].split()


def _common_words(sources: Sequence[str], targets: Sequence[str]) -> dict[str, int]:
    """Rare words that occur on both sides, numbered."""
    most = max(_RARE_AT_ALL, len(sources) * _RARE)
    first, second = (
        Counter(chain.from_iterable(map(_words, texts))) for texts in (sources, targets)
    )
    words = (word for word in first if max(first[word], second[word]) <= most and second[word])
    return {word: i for i, word in enumerate(words)}


def _runs(gain: NDArray[np.float64], shift: int) -> list[Run]:
    """Runs whose gains sum up to enough, by a cumulative sum that begins again below 0."""
    gain = np.append(gain, _NONE)
    sums = np.cumsum(gain)
    if (sums - np.minimum.accumulate(sums)).max() < _LEAST_SCORE:
        return []
    found = []
    total = best = 0.0
    start = end = 0
    for i, value in enumerate(gain.tolist()):
        total += value
        if total > best:
            best, end = total, i + 1
        if total <= 0 or best - total > _LEAST_SCORE:
            if best >= _LEAST_SCORE and end - start >= _LEAST_PAIRS:
                found.append(Run(start, end, shift, best))
            total, best, start = 0.0, 0.0, i + 1
    return found
