"""Words that tell the two sides of pairs apart where both are of one script."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

_WORD = re.compile(r"[^\W\d_]+")
_MOST = 100  # words of a side that are kept
_LEAST = 5  # times that a word occurs
_TIMES = 10  # as frequent on its side as on the other
_TEXTS = 100_000  # that are looked at
_SURE = 3  # words of the other side, and times those of its own, in texts of the other side


@dataclass(frozen=True)
class SideWords:
    """The frequent words of sources and targets that the other side hardly has, in small letters.

    >>> pairs = [("the dog and the cat", "der Hund und die Katze")] * 5
    >>> words = SideWords.of(*zip(*pairs))
    >>> words.source
    ('the', 'and', 'cat', 'dog')
    >>> words.counts("Der Hund and die Katze")
    (1, 4)
    """

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()

    @cached_property
    def _sets(self) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(self.source), frozenset(self.target)

    @classmethod
    def of(cls, sources: Iterable[str], targets: Iterable[str]) -> Self:
        """From pairs."""
        counts = [
            Counter(word for text in list(side)[:_TEXTS] for word in _words(text))
            for side in (sources, targets)
        ]
        totals = [max(1, each.total()) for each in counts]
        found = []
        for own, other in ((0, 1), (1, 0)):
            typical = [
                word
                for word, count in counts[own].items()
                if count >= _LEAST
                and count / totals[own] >= _TIMES * counts[other][word] / totals[other]
            ]
            found.append(tuple(sorted(typical, key=lambda w: (-counts[own][w], w))[:_MOST]))
        return cls(*found)

    def counts(self, text: str) -> tuple[int, int]:
        """How many words of a text are typical of sources and of targets."""
        words = _words(text)
        source, target = (sum(word in own for word in words) for own in self._sets)
        return source, target

    def are_swapped(self, source: str, target: str) -> bool:
        """Whether both texts of a pair have words of the other side alone, two at least."""
        (own, other), (others, theirs) = self.counts(source), self.counts(target)
        return own == 0 == theirs and other >= 2 and others >= 2

    def mismatch(self, texts: Sequence[str]) -> str | None:
        """What to say if new sources have the words of targets; None if they have not.

        >>> words = SideWords(("the", "and"), ("der", "die", "und"))
        >>> words.mismatch(["Der Hund und die Katze"])
        "3 words of the texts are frequent in this model's targets, as 'der', and 0 in its sources:\
 is the other direction meant?"
        >>> words.mismatch(["The dog und der"]) is None
        True
        """
        found = [self.counts(text) for text in texts]
        own, other = (sum(each[side] for each in found) for side in (0, 1))
        if other < _SURE or other < _SURE * own:
            return None
        first = next(word for text in texts for word in _words(text) if word in self.target)
        return (
            f"{other:,} words of the texts are frequent in this model's targets, as {first!r}, and"
            f" {own:,} in its sources: is the other direction meant?"
        )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
