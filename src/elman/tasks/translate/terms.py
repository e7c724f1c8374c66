"""Terminology: source terms with the target terms that their translations must have."""

import re
from dataclasses import dataclass
from typing import Any, Self

from elman.data import read_pairs
from elman.data.text.normalise import normalise
from elman.data.values import shown
from elman.errors import SettingsError


@dataclass(frozen=True)
class Terms:
    """Source and target terms.

    >>> terms = Terms.of([("house", "Haus"), ("book", "Buch")])
    >>> terms.wanted("The house. A warehouse and a House!")
    ['Haus', 'Haus']
    """

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, given: Any) -> Self:
        """From pairs of terms, a mapping, or the path of a table without a header, as TSV."""
        if isinstance(given, cls):
            return given
        if isinstance(given, dict):
            given = list(given.items())
        found = read_pairs(given, source=0, target=1) if _is_path(given) else read_pairs(given)
        pairs = zip(found.sources, found.targets or (), strict=True)
        terms = [(normalise(source), normalise(target)) for source, target in pairs]
        if empty := [pair for pair in terms if not all(pair)]:
            raise SettingsError(f"terms: {shown(empty[0])} has an empty side")
        return cls(tuple(terms))

    def wanted(self, text: str) -> list[str]:
        """The target terms of a text, as often as their source terms are in it, without case."""
        text = normalise(text)
        return [
            target
            for source, target in self.pairs
            for _ in re.finditer(_whole_words(source), text, re.IGNORECASE)
        ]


def _whole_words(term: str) -> str:
    """A pattern of a term that is not part of a longer word; within Chinese, anywhere."""
    before = r"(?<![^\W\d_])" if _is_spaced(term[0]) else ""
    after = r"(?![^\W\d_])" if _is_spaced(term[-1]) else ""
    return f"{before}{re.escape(term)}{after}"


def _is_spaced(character: str) -> bool:
    """Whether it is a letter of a script that parts words by spaces."""
    return character.isalpha() and not "\u2e80" <= character <= "\u9fff"


def _is_path(given: Any) -> bool:
    return not isinstance(given, list | tuple)
