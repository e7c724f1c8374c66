"""Text from files: whole, by lines or in blocks, with errors that name the byte."""

import codecs
import gzip
import io
import re
import stat
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from elman.data.text.encodings import by_mark, check_encoding, hint, is_western
from elman.data.values import shown
from elman.errors import DataError

_WORD_GAP = re.compile(r"(?<=\S)\s(?=\S)")
_SEARCHED_FOR_A_GAP = 4096
_BLOCK = 1 << 18
_GZIP = b"\x1f\x8b"
_OF_ONE_BYTE = ("cp125", "iso8859", "koi8", "mac")
_LONGEST_PATH, _LONGEST_NAME = 4096, 255  # bytes, on the systems in use


def may_be_path(text: str) -> bool:
    """Whether a string can be a path at all; if not, it is a text: too long, or of several lines.

    >>> may_be_path("reviews.csv"), may_be_path("so " * 200), may_be_path("one\\ntwo")
    (True, False, False)
    """
    if "\n" in text or "\r" in text or "\0" in text:
        return False
    try:
        path = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return len(path) < _LONGEST_PATH and max(map(len, path.split(b"/"))) <= _LONGEST_NAME


def is_there(path: Path | str) -> bool:
    """Whether a file or folder exists; False, too, for what cannot be a path."""
    return may_be_path(str(path)) and Path(path).exists()


def existing_file(path: Path | str) -> Path:
    """The path, if it is a readable file; a `DataError` otherwise."""
    if not str(path):
        raise DataError("the path of a file is empty")
    if not may_be_path(str(path)):
        raise DataError(f"no such file: {shown(str(path))}")
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder; a file is needed")
    if not stat.S_ISREG(mode):
        raise DataError(
            f"{path} is a pipe or a device, which can be read only once: write it to a file first"
        )
    return path


def opened(path: Path) -> BinaryIO:
    """A file opened for its bytes; one that gzip has compressed gives those it holds."""
    file = path.open("rb")
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    if not is_packed:
        return file
    file.close()
    return cast(BinaryIO, gzip.open(path))


def suffix_of(path: Path) -> str:
    """The suffix in lower case, without one of compression.

    >>> suffix_of(Path("a.b.TSV.gz"))
    '.tsv'
    """
    suffix = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if suffix == ".gz" else suffix


def read_text(path: Path | str, encoding: str | None = None) -> str:
    """A whole text file; line ends are kept as they are. See `read_blocks` for the encoding."""
    return "".join(read_blocks(path, encoding=encoding))


def read_lines(path: Path | str, encoding: str | None = None) -> Iterator[tuple[int, str]]:
    r"""The lines of a text file with their numbers from 1, ends (\n, \r\n, \r) taken off."""
    return lines_of(read_text(path, encoding))


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    r"""The lines of a text with their numbers from 1, ends (\n, \r\n, \r) taken off.

    >>> list(lines_of("one\u2028still one\r\ntwo\n"))
    [(1, 'one\u2028still one'), (2, 'two')]
    """
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        yield number, line.removesuffix("\n")


def texts_of_lines(path: Path | str, encoding: str | None = None) -> list[tuple[int, str]]:
    """The lines of a file of one text a line, without empty ones at its end, which are counted."""
    lines = list(read_lines(path, encoding))
    count = len(lines)
    while lines and not lines[-1][1].strip():
        lines.pop()
    if lines and len(lines) < count:
        left_out(path, f"{counted(count - len(lines), 'empty line')} at the end")
    return lines


def left_out(path: Path | str, what: str) -> None:
    """Warn of what was left out of a file."""
    warnings.warn(f"{path}: left out: {what}", stacklevel=3)


def counted(number: int, noun: str) -> str:
    """A number and what it counts, of more than one the plural of the noun's first words.

    >>> counted(1, "row"), counted(2000, "empty row at the end")
    ('1 row', '2,000 empty rows at the end')
    """
    if number != 1:
        head, *tail = re.split(r"(?= at | without )", noun, maxsplit=1)
        noun = f"{head}s{''.join(tail)}"
    return f"{number:,} {noun}"


def read_blocks(
    path: Path | str, size: int = _BLOCK, *, encoding: str | None = None
) -> Iterator[str]:
    """A text file piece by piece, `size` bytes each, in bounded memory.

    **Arguments:**

    - `path`: the file; one that gzip has compressed is read as what it holds.
    - `size`: bytes a piece.
    - `encoding`: the file's, any that Python knows. A byte-order mark goes before it. If None the
      file is UTF-8; one that is not, but is beyond doubt of a Western European language, is read
      as cp1252 with a warning.

    Raises `DataError` for a file that is not text, naming the first wrong byte and its offset.
    """
    encoding = check_encoding(encoding)
    path = existing_file(path)
    try:
        yield from _Decoded(path, size, encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
        ) from error


class _Decoded:
    """The decoded pieces of a file."""

    def __init__(self, path: Path, size: int, encoding: str | None) -> None:
        self.path = path
        self.size = size
        with opened(path) as file:
            self.start = file.read(64)
        marked, self.offset = by_mark(self.start)
        self.told = marked or encoding
        self.encoding = self.told or "utf-8"
        self.decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        self.only_ascii = True
        self.doubtful = marked is None and self.encoding.startswith(_OF_ONE_BYTE)

    def __iter__(self) -> Iterator[str]:
        with opened(self.path) as file:
            file.seek(self.offset)
            while block := file.read(self.size):
                self._compare_with_utf8(block)
                yield self._decode(block, final=False)
                self.offset += len(block)
            yield self._decode(b"", final=True)

    def _decode(self, block: bytes, *, final: bool) -> str:
        pending = self.decoder.getstate()[0]
        try:
            text = self.decoder.decode(block, final)
        except UnicodeDecodeError as error:
            cut_off = final and len(pending) > 1
            if self.told is None and self.only_ascii and not cut_off and is_western(self._raw()):
                return self._as_western(pending + block, final)
            at = self.offset - (len(error.object) - len(block)) + error.start
            raise self._not_text(error.object[error.start], at) from None
        except UnicodeError as error:
            raise DataError(
                f"{self.path} is not text in {self.encoding}: {error}; name its encoding with"
                " encoding=... (--encoding)"
            ) from None
        if "\0" in text:
            at = self.offset - len(pending) + len(text[: text.index("\0")].encode(self.encoding))
            raise self._not_text(0, at)
        self.only_ascii = self.only_ascii and text.isascii()
        return text

    def _compare_with_utf8(self, block: bytes) -> None:
        """Warn if the first bytes beyond ASCII are UTF-8, though another encoding was given."""
        if not self.doubtful or block.isascii():
            return
        self.doubtful = False
        try:
            codecs.getincrementaldecoder("utf-8")().decode(block)
        except UnicodeDecodeError:
            return
        warnings.warn(
            f"{self.path} is read as {self.encoding}, as requested, but looks like UTF-8: is"
            " encoding='utf-8' (--encoding) meant?",
            stacklevel=2,
        )

    def _raw(self) -> Iterator[bytes]:
        with opened(self.path) as file:
            while block := file.read(_BLOCK):
                yield block

    def _as_western(self, block: bytes, final: bool) -> str:
        warnings.warn(
            f"{self.path} is not UTF-8 and is read as cp1252 (Western European): name its encoding"
            " with encoding=... (--encoding) if it is another",
            stacklevel=2,
        )
        self.told = self.encoding = "cp1252"
        self.decoder = codecs.getincrementaldecoder("cp1252")("strict")
        return self.decoder.decode(block, final)

    def _not_text(self, byte: int, offset: int) -> DataError:
        what = hint(self.start)
        if self.told is not None and byte:
            what = f"read as {self.told}; name its encoding with encoding=... (--encoding)"
        return DataError(f"{self.path} is not text: byte 0x{byte:02x} at offset {offset} ({what})")


def at_word_gaps(pieces: Iterable[str], size: int = 1 << 18) -> Iterator[str]:
    """The same text in blocks of about `size` characters, cut in front of single white space.

    A tokeniser of words or byte pairs gives the same tokens for blocks so cut as for the whole.
    Where there is no gap near the end of a block, it is cut as it is.

    >>> list(at_word_gaps(["one two th", "ree four"], size=8))
    ['one two', ' three', ' four']
    """
    text = ""
    for piece in pieces:
        text += piece
        while len(text) >= size:
            cut = _last_gap(text, size)
            yield text[:cut]
            text = text[cut:]
    if text:
        yield text


def _last_gap(text: str, end: int) -> int:
    start = max(1, end - _SEARCHED_FOR_A_GAP)
    cut = end
    for match in _WORD_GAP.finditer(text, start, end + 1):
        cut = match.start()
    return cut
