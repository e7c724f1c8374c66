"""Word vectors from text files of word2vec, fastText (`.vec`) and GloVe."""

import codecs
import gzip
import warnings
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from elman.data.text.files import existing_file
from elman.data.values import shown
from elman.errors import DataError

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_MOST_SIZE = 2**16
_LONGEST_LINE = 2**22  # bytes
_LARGEST = float(np.finfo(np.float32).max)


class _Lines(Protocol):
    """A file, compressed or not."""

    def readline(self, size: int, /) -> bytes:
        """The next line, of `size` bytes at most."""


@dataclass(frozen=True)
class WordVectors:
    """Vectors of some words, `values` (N, size) float32 in the order of `words`."""

    words: list[str]
    values: NDArray[np.float32]


def vector_size(path: Path | str) -> int:
    """The numbers a vector in a file of word vectors, from its first line."""
    return _File(path).size


def read_word_vectors(
    path: Path | str, words: Collection[str], *, lowercase: bool = False
) -> WordVectors:
    """The vectors that a file has of some words.

    The file has a line for each word: the word and its numbers, separated by one space or tab; in
    UTF-8, and compressed by gzip if it likes. A first line of two integers, the numbers of words
    and of numbers a word, is no vector. Of a word that comes twice the first line counts.

    **Arguments:** `words`: those to look for, no others are kept; `lowercase`: a word that the
    file does not have as it is may be the first one there that is so in lower case.

    Raises `DataError`, which names file and line, for a line of another form.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "small.vec")
    >>> _ = path.write_text("2 3\\nfilm 0.1 0.2 0.3\\nbook 0 1 2\\n")
    >>> found = read_word_vectors(path, ["book", "play"])
    >>> found.words, found.values.tolist()
    (['book'], [[0.0, 1.0, 2.0]])
    """
    wanted, exact, folded = set(words), {}, {}
    file = _File(path)
    for number, word, text in file.lines():
        if word in wanted and word not in exact:
            exact[word] = file.vector(number, word, text)
        elif lowercase and word not in wanted:
            lower = word.lower()
            if lower in wanted and lower not in folded:
                folded[lower] = file.vector(number, word, text)
    found = {**folded, **exact}
    values = np.array(list(found.values()), np.float32).reshape(-1, file.size)
    return WordVectors(list(found), values)


class _File:
    """A file of word vectors and the `size` of each, known from the first line."""

    def __init__(self, path: Path | str) -> None:
        self.path = existing_file(path)
        with self._opened() as file:
            first = _text(self._line(file, 1))
        if not first:
            raise DataError(f"{self.path} is empty")
        fields = first.split(" ")
        self.promised: int | None = None
        if len(fields) == 2 and all(field.isdecimal() for field in fields):
            self.promised, self.size = map(int, fields)
        else:
            self.size = len(fields) - 1
        if not 1 <= self.size <= _MOST_SIZE:
            raise DataError(
                f"{self.path}, line 1: {shown(first)} where a word and its numbers are needed, or"
                " the numbers of words and of numbers a word"
            )

    def lines(self) -> Iterator[tuple[int, str, str]]:
        """The number, word and numbers of each line."""
        count, number = 0, 0
        with self._opened() as file:
            while line := self._line(file, number + 1):
                number += 1
                if number == 1 and self.promised is not None:
                    continue
                text = _text(line)
                if not text:
                    raise DataError(f"{self.path}, line {number}: the line is empty")
                count += 1
                yield number, *self._parted(number, text)
        if self.promised is not None and count != self.promised:
            warnings.warn(
                f"{self.path}: its first line says {self.promised:,} words, and it has {count:,}:"
                " is it complete?",
                stacklevel=4,
            )

    def vector(self, number: int, word: str, text: str) -> NDArray[np.float32]:
        """The numbers of a line."""
        fields = text.split(" ")
        wrong = next((field for field in fields if not _is_finite(field)), None)
        if wrong is not None:
            raise DataError(
                f"{self.path}, line {number}: {shown(wrong)} in the vector of {shown(word)} is not"
                " a finite number"
            )
        return np.array(fields, np.float32)

    def _parted(self, number: int, text: str) -> tuple[str, str]:
        """The word, in which there may be spaces if no number is among them, and the numbers."""
        fields = text.count(" ")
        if fields == self.size:
            word, _, numbers = text.partition(" ")
            return word, numbers
        pieces = text.rsplit(" ", self.size)
        if fields < self.size or _is_finite(pieces[0].rpartition(" ")[2]):
            raise DataError(
                f"{self.path}, line {number}: {fields:,} numbers where the first line has"
                f" {self.size:,}: {shown(text)}"
            )
        return pieces[0], text[len(pieces[0]) + 1 :]

    def _line(self, file: _Lines, number: int) -> bytes:
        line = file.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise DataError(
                f"{self.path}, line {number} is longer than {_LONGEST_LINE:,} bytes: this is not a"
                " text file of word vectors"
            )
        return line

    @contextmanager
    def _opened(self) -> Iterator[_Lines]:
        try:
            with self.path.open("rb") as start:
                mark = start.read(4)
            if mark == _ZIP:
                raise DataError(f"{self.path} is a zip archive: unpack it first")
            is_packed = mark.startswith(_GZIP)
            with gzip.open(self.path) if is_packed else self.path.open("rb") as file:
                yield file
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path} cannot be read: {error}") from None


def _text(line: bytes) -> str:
    """A line without its end; what is not UTF-8 stands for a character that no word has."""
    text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    return text.rstrip(" \t\r\n").replace("\t", " ")


def _is_finite(text: str) -> bool:
    """Whether a text is a number that float32 holds."""
    try:
        return abs(float(text)) <= _LARGEST
    except ValueError:
        return False
