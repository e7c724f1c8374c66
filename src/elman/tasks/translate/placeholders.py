"""Numbers, URLs and e-mail addresses that a translation copies: symbols in their place."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self, cast, get_args

_FIRST = 0xFDD0  # Unicode's noncharacters, which no text that is interchanged holds
MOST = 10  # different values of a text
SYMBOLS = "".join(chr(_FIRST + k) for k in range(MOST))
_SYMBOL = re.compile(f"[{SYMBOLS}]")
_REPLACEMENT = "\ufffd"

_SPACED = r"[^\W_\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0e7f]"  # of scripts with spaces
_VALUE = re.compile(
    r"(?P<url>(?:https?://|www\.)[!-~]*[A-Za-z0-9/])"
    r"|(?P<mail>[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
    rf"|(?<!{_SPACED})(?<![0-9][.,:])(?P<number>(?>[0-9]+(?:[.,:][0-9]+)*))(?!{_SPACED})"
)
_MAY_HOLD = re.compile(r"[0-9@]|://|www\.")
Kind = Literal[
    "url", "mail", "1 digit", "2 digits", "3 digits", "4 or more digits", "separated digits"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_COPIED = 0.8  # of a kind's values stand on both sides, if it is copied
_FEW = 5  # values of a kind, or pairs with so many values, that say nothing
_LEAST_PAIRS, _LEAST_SHARE = 20, 0.001  # with a value on both sides, where placeholders pay
_LETTERS = 1.0  # letters a digit on each side, in texts that are not about numbers
_IN_ORDER = 0.5  # of the pairs with several values


@dataclass(frozen=True)
class Placeholders:
    """Which values become symbols.

    - `kinds`: those of `KINDS`; numbers are told apart by their digits, as "3" may be written out
      where "1960" never is.
    - `count`: how many different values of a text, up to `MOST`.

    >>> known = Placeholders(KINDS, 2)
    >>> text, values = known.source("From 1960 to 1970, or 1980?")
    >>> values
    ['1960', '1970']
    >>> known.restored(text, values)
    'From 1960 to 1970, or 1980?'
    >>> known.restored(known.target("1970 bis 1980", values), ["A", "B"])
    'B bis 1980'
    """

    kinds: tuple[Kind, ...] = ()
    count: int = 0

    @classmethod
    def learn(cls, sources: Sequence[str], targets: Sequence[str]) -> Self:
        """Of pairs the kinds that are copied, and how many values of a text are seen often."""
        kinds = _copied_kinds(sources, targets)
        known = cls(kinds, MOST)
        counts = Counter(len(known.pair(*pair)[2]) for pair in zip(sources, targets, strict=True))
        least = [k for k in range(1, MOST + 1) if sum(counts[n] for n in counts if n >= k) >= _FEW]
        return cls(kinds, max(least, default=1))

    def source(self, text: str) -> tuple[str, list[str]]:
        """A text with symbols in the place of its values, and the values by symbol."""
        if not self.count:
            return text, []
        text = _SYMBOL.sub(_REPLACEMENT, text)
        values = list(dict.fromkeys(self._values(text)))[: self.count]
        return self._replaced(text, values), values

    def target(self, text: str, values: Sequence[str]) -> str:
        """A text with symbols in the place of those of the `values` of its source."""
        return self._replaced(_SYMBOL.sub(_REPLACEMENT, text), values) if self.count else text

    def pair(self, source: str, target: str) -> tuple[str, str, list[str]]:
        """Both sides with symbols in the place of the values that stand on both, and these."""
        if not self.count:
            return source, target, []
        source, target = (_SYMBOL.sub(_REPLACEMENT, text) for text in (source, target))
        theirs = set(self._values(target))
        both = [value for value in dict.fromkeys(self._values(source)) if value in theirs]
        both = both[: self.count]
        return self._replaced(source, both), self._replaced(target, both), both

    @staticmethod
    def restored(text: str, values: Sequence[str]) -> str:
        """The text with the values in the place of their symbols."""
        named = dict(zip(SYMBOLS, values, strict=False))
        return _SYMBOL.sub(lambda found: named.get(found[0], _REPLACEMENT), text) if named else text

    def _values(self, text: str) -> Iterator[str]:
        return (value for kind, value in values_of(text) if kind in self.kinds)

    def _replaced(self, text: str, values: Sequence[str]) -> str:
        if not values:
            return text
        symbols = dict(zip(values, SYMBOLS, strict=False))
        return _VALUE.sub(lambda found: symbols.get(found[0], found[0]), text)


NOTHING = Placeholders()


def values_of(text: str) -> Iterator[tuple[Kind, str]]:
    """The kind and the text of each value.

    >>> list(values_of("A4, 1.5kg and 7 in 1,960 at a@b.org, www.b.org/3?"))
    [('1 digit', '7'), ('separated digits', '1,960'), ('mail', 'a@b.org'), ('url', 'www.b.org/3')]
    """
    for found in _VALUE.finditer(text) if _MAY_HOLD.search(text) else ():
        kind, value = found.lastgroup, found[0]
        yield _of_number(value) if kind == "number" else cast("Kind", kind), value


def _of_number(number: str) -> Kind:
    if not number.isdecimal():
        return "separated digits"
    return ("1 digit", "2 digits", "3 digits", "4 or more digits")[min(len(number), 4) - 1]


def split_symbols(text: str) -> Iterator[tuple[str, int]]:
    """Pieces of a text without symbols, each with the number of the symbol after it, -1 for none.

    >>> list(split_symbols(f"in {SYMBOLS[1]}."))
    [('in ', 1), ('.', -1)]
    """
    last = 0
    for found in _SYMBOL.finditer(text):
        yield text[last : found.start()], ord(found[0]) - _FIRST
        last = found.end()
    yield text[last:], -1


def _both(source: str, target: str) -> tuple[list[tuple[Kind, str]], list[tuple[Kind, str]]]:
    return list(values_of(source)), list(values_of(target))


def _copied_kinds(sources: Sequence[str], targets: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds whose values mostly stand on both sides, or are too few to say."""
    seen: Counter[Kind] = Counter()
    copied: Counter[Kind] = Counter()
    for pair in zip(sources, targets, strict=True):
        sides = _both(*pair)
        for own, other in (sides, sides[::-1]):
            there = set(other)
            seen.update(kind for kind, _ in own)
            copied.update(kind for kind, value in own if (kind, value) in there)
    return tuple(
        kind for kind in KINDS if seen[kind] < _FEW or copied[kind] >= _COPIED * seen[kind]
    )


def reason(sources: Sequence[str], targets: Sequence[str]) -> str | None:
    """Why placeholders suit these pairs, None if they do not.

    They do where some values stand alike on both sides and in the same order, in texts that are
    not made of numbers: not for dates to ISO form or for sorting, where digits are what the task
    is about.

    >>> pairs = [(f"It was in {year}.", f"Es war {year}.") for year in range(1900, 1990)]
    >>> reason(*zip(*pairs))
    'numbers alike on both sides of 100 % of the pairs'
    >>> reason([f"{n} May 2001" for n in range(90)], [f"2001-05-{n}" for n in range(90)]) is None
    True
    """
    if any(_letters(texts) < _LETTERS * _digits(texts) for texts in (sources, targets)):
        return None
    kinds = _copied_kinds(sources, targets)
    found = ordered = several = 0
    for pair in zip(sources, targets, strict=True):
        own, other = ([value for kind, value in side if kind in kinds] for side in _both(*pair))
        places = [other.index(value) for value in dict.fromkeys(own) if value in other]
        found += bool(places)
        several += len(places) > 1
        ordered += len(places) > 1 and places == sorted(places)
    if found < max(_LEAST_PAIRS, _LEAST_SHARE * len(sources)):
        return None
    if several >= _LEAST_PAIRS and ordered < _IN_ORDER * several:
        return None
    share = 100 * found / len(sources)
    return f"numbers alike on both sides of {share:.{0 if share >= 10 else 1}f} % of the pairs"


def _letters(texts: Sequence[str]) -> int:
    return sum(sum(map(str.isalpha, text)) for text in texts)


def _digits(texts: Sequence[str]) -> int:
    return sum(sum(map(str.isdecimal, text)) for text in texts)
