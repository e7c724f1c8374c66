"""Scripts of texts: which share of their letters is Latin, Han, Cyrillic, ..."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.data.checks import strings
from elman.errors import DataError

_USUAL = 0.05  # of the letters; a script below it is an exception
_MOSTLY = 0.8
_MOST_NAMED = 3
_UNKNOWN, _NO_LETTER = 255, 254
_BLOCK = 1 << 14  # texts counted at once
_ALIASES = {
    "Cjk": "Han",
    "Ideographic": "Han",
    "Kangxi": "Han",
    "Hiragana": "Kana",
    "Katakana": "Kana",
    "Katakana-hiragana": "Kana",
}
_OF_NO_SCRIPT = frozenset(("Modifier", "Mathematical", "Masculine", "Feminine"))
_names: list[str] = []
_of_character = np.full(0x110000, _UNKNOWN, np.uint8)


@dataclass(frozen=True)
class Scripts:
    """Shares of the letters of some texts.

    **Fields:** `shares`: name of a script, `Latin` or `Han` -> its share, the largest first; empty
    where there are no letters.

    >>> Scripts.of(["Good morning", "早上好"]).shares
    {'Latin': 0.786, 'Han': 0.214}
    """

    shares: dict[str, float]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Scripts":
        """The scripts of texts."""
        return cls.of_counts(letter_counts(list(strings(texts))))

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64]) -> "Scripts":
        """The scripts of texts whose letters are counted, (N, scripts)."""
        totals = counts.sum(0)
        order = [i for i in np.argsort(-totals, kind="stable").tolist() if totals[i]]
        return cls({_names[i]: round(float(totals[i] / totals.sum()), 3) for i in order})

    @property
    def usual(self) -> list[str]:
        """The scripts of at least 5 % of the letters."""
        return [name for name, share in self.shares.items() if share >= _USUAL]


def mismatch(known: Scripts, texts: Iterable[str], other: Scripts | None = None) -> str | None:
    """What to say if most texts are not in the scripts that a model knows; None if they are.

    **Arguments:**

    - `known`: of the sources that the model was trained on.
    - `texts`: new sources.
    - `other`: of the model's targets.

    >>> latin, han = Scripts.of(["Hello"]), Scripts.of(["你好"])
    >>> mismatch(latin, ["早上好", "谢谢"], han)
    '2 of 2 texts are in Han, the script of the targets of this model, whose sources are in Latin: \
is the other direction meant?'
    >>> mismatch(latin, ["Good morning"], han) is None
    True
    """
    texts = list(strings(texts))
    counts = letter_counts(texts)
    with_letters = counts.sum(1) > 0
    strange = are_mostly_other(counts, known)
    if not known.shares or strange.sum() * 2 <= with_letters.sum():
        return None
    shares = Scripts.of_counts(counts[strange]).shares
    found = [name for name in shares if name not in known.usual][:_MOST_NAMED]
    scripts = " and ".join(found)
    trained = " and ".join(known.usual)
    how_many = f"{strange.sum():,} of {len(texts):,} texts are in {scripts}"
    if other is not None and set(found) <= set(other.usual):
        return (
            f"{how_many}, the script of the targets of this model, whose sources are in {trained}:"
            " is the other direction meant?"
        )
    return f"{how_many}, and the model was trained on {trained}"


def are_mostly_other(counts: NDArray[np.int64], known: Scripts) -> NDArray[np.bool_]:
    """Which texts have four fifths of their letters, counted, in scripts that are not usual, (N,).

    Half would be too few: a Chinese sentence may have more letters in a foreign name than else.
    """
    usual = [_names.index(name) for name in known.usual if name in _names[: counts.shape[1]]]
    total = counts.sum(1)
    strange: NDArray[np.bool_] = (total > 0) & (total - counts[:, usual].sum(1) >= _MOSTLY * total)
    return strange


def letter_counts(texts: Sequence[str]) -> NDArray[np.int64]:
    """How many letters of each script the texts have, (N, scripts)."""
    blocks = [_counts(texts[i : i + _BLOCK]) for i in range(0, len(texts), _BLOCK)]
    found = np.zeros((len(texts), len(_names)), np.int64)
    start = 0
    for block in blocks:
        found[start : start + len(block), : block.shape[1]] = block
        start += len(block)
    return found


def _counts(texts: Sequence[str]) -> NDArray[np.int64]:
    content = "".join(texts).encode("utf-32-le", "surrogatepass")
    points = np.frombuffer(content, np.uint32)
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    ids = _of_character[points]
    if (ids == _UNKNOWN).any():
        for point in np.unique(points[ids == _UNKNOWN]).tolist():
            _of_character[point] = _script(chr(point))
        ids = _of_character[points]
    is_letter = ids != _NO_LETTER
    width = len(_names)
    flat = owner[is_letter] * width + ids[is_letter]
    return np.bincount(flat, minlength=len(texts) * width).reshape(len(texts), width)


def _script(character: str) -> int:
    """The number of a letter's script in `_names`."""
    character = unicodedata.normalize("NFKC", character)[:1]
    if not unicodedata.category(character or " ").startswith("L"):
        return _NO_LETTER
    word = unicodedata.name(character, "").partition(" ")[0].capitalize()
    name = _ALIASES.get(word, word)
    if not name or name in _OF_NO_SCRIPT:
        return _NO_LETTER
    if name not in _names:
        if len(_names) == _NO_LETTER:
            raise DataError(f"the texts have letters of more than {_NO_LETTER} scripts")
        _names.append(name)
    return _names.index(name)
