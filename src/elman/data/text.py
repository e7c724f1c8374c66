"""UTF-8 text from files: whole or in blocks, with errors that name the byte."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from elman.errors import DataError

_BOM = codecs.BOM_UTF8
_WORD_GAP = re.compile(r"(?<=\S)\s(?=\S)")
_SEARCHED_FOR_A_GAP = 4096


def existing_file(path: Path | str) -> Path:
    """The path, if it is a readable file; a `DataError` otherwise."""
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; a file is needed")
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    return path


def read_text(path: Path | str) -> str:
    """A whole UTF-8 file (a byte order mark is dropped); line ends are kept as they are."""
    return "".join(read_blocks(path))


def read_lines(path: Path | str) -> Iterator[tuple[int, str]]:
    r"""The lines of a UTF-8 file with their numbers from 1, ends (\n, \r\n, \r) taken off."""
    for number, line in enumerate(io.StringIO(read_text(path), newline=None), start=1):
        yield number, line.removesuffix("\n")


def read_blocks(path: Path | str, size: int = 1 << 18) -> Iterator[str]:
    """A UTF-8 file piece by piece, `size` bytes each, in bounded memory.

    Raises `DataError` for a file that is not text, naming the first wrong byte and its offset.
    """
    path = existing_file(path)
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        with path.open("rb") as file:
            offset = 0
            while block := file.read(size):
                start = len(_BOM) if offset == 0 and block.startswith(_BOM) else 0
                yield _decode(decoder, block[start:], offset + start, path, final=False)
                offset += len(block)
            yield _decode(decoder, b"", offset, path, final=True)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _decode(
    decoder: codecs.IncrementalDecoder, block: bytes, offset: int, path: Path, *, final: bool
) -> str:
    try:
        text = decoder.decode(block, final)
    except UnicodeDecodeError as error:
        pending = len(error.object) - len(block)
        raise _not_text(path, error.object[error.start], offset - pending + error.start) from None
    if (found := block.find(b"\0")) >= 0:
        raise _not_text(path, 0, offset + found)
    return text


def _not_text(path: Path, byte: int, offset: int) -> DataError:
    hint = "save it as UTF-8" if byte else "a binary file?"
    if offset == 0 and byte in (0xFE, 0xFF):
        hint = "it looks like UTF-16: save it as UTF-8"
    return DataError(f"{path} is not text: byte 0x{byte:02x} at offset {offset} ({hint})")


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
