"""A vocabulary of characters, vectorised: tens of megabytes a second."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from elman.data.checks import indices, strings
from elman.data.text.vocabulary import (
    PAD,
    REPLACEMENT,
    UNKNOWN,
    IDs,
    Kind,
    Stream,
    Vocabulary,
    check_symbols,
)

_CODE_POINTS = 0x110000
_COUNTED_AT_ONCE = 1 << 20


class Characters(Vocabulary):
    """One id a Unicode code point; `decode(encode(text)) == text` for characters once seen."""

    kind: ClassVar[Kind] = "characters"

    def __init__(self, symbols: str, lowercase: bool = False) -> None:
        if not isinstance(symbols, str):
            raise ValueError("its symbols are not a string")
        check_symbols(list(symbols), "symbols")
        self.symbols = symbols
        self.lowercase = bool(lowercase)
        codes = _code_points(symbols)
        self._codes = np.concatenate([np.array([0, ord(REPLACEMENT)], np.uint32), codes])
        self._ids = np.full(_CODE_POINTS, UNKNOWN, np.int32)
        self._ids[codes] = np.arange(2, len(self._codes), dtype=np.int32)

    @classmethod
    def build(
        cls, texts: Iterable[str], size: int | None, min_count: int, lowercase: bool
    ) -> "Characters":
        """Count the characters of the texts, in bounded memory; ids follow the code points."""
        counts = np.zeros(_CODE_POINTS, np.int64)
        for text in _gathered(texts):
            found = np.bincount(_code_points(text.lower() if lowercase else text))
            counts[: len(found)] += found
        codes = np.flatnonzero(counts >= min_count)
        if size is not None and len(codes) > size - 2:
            order = np.argsort(-counts[codes], kind="stable")
            codes = np.sort(codes[order[: size - 2]])
        return cls("".join(map(chr, codes)), lowercase)

    @property
    def size(self) -> int:
        """The number of ids, padding and unknown included."""
        return len(self._codes)

    @property
    def characters(self) -> IDs:
        """One for every id, none for padding."""
        counts = np.ones(self.size, np.int32)
        counts[PAD] = 0
        return counts

    def encode_many(self, texts: Iterable[str]) -> list[IDs]:
        """The ids of each text, int32 (T,)."""
        texts = (text.lower() if self.lowercase else text for text in strings(texts))
        return [self._ids.take(_code_points(text), mode="wrap") for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; padding gives nothing, unknown a replacement character."""
        array = indices(ids, "ids", self.size)
        codes: bytes = self._codes[array[array != PAD]].tobytes()
        return codes.decode("utf-32-le", "surrogatepass")

    def stream(self) -> Stream:
        """A fresh decoder for ids that come one at a time."""
        return _CharacterStream(self)

    def content(self) -> dict[str, Any]:
        """What `save` writes beside the kind."""
        return {"symbols": self.symbols, "lowercase": self.lowercase}


class _CharacterStream(Stream):
    def __init__(self, vocabulary: Characters) -> None:
        self.vocabulary = vocabulary

    def add(self, token: int) -> str:
        return self.vocabulary.decode([token])


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _gathered(texts: Iterable[str]) -> Iterator[str]:
    """Short texts joined, so that there are few large ones."""
    waiting: list[str] = []
    length = 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length >= _COUNTED_AT_ONCE:
            yield "".join(waiting)
            waiting, length = [], 0
    yield "".join(waiting)
