"""Which encoding a text file has: by its byte-order mark, by trial, or as given."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable

from elman.data.values import shown
from elman.errors import SettingsError

MARKS = {  # the longer ones first: UTF-32's begins as UTF-16's
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NOT_OF_FILES = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}

# Letters beyond ASCII of the languages that cp1252 is for. A file whose letters are all of one of
# them is taken for cp1252; Czech or Hungarian in cp1250, Cyrillic in cp1251 and the like are not.
_ALPHABETS = [
    frozenset(letters + letters.upper().replace("SS", ""))
    for letters in (
        "àâæçéèêëîïôœùûü",  # French
        "äöüßé",  # German
        "áéíñóúü",  # Spanish
        "àáâãçéêíóôõú",  # Portuguese
        "àèéìíîòóùú",  # Italian
        "åäöéàü",  # Swedish, Finnish
        "æøåéèòóôêäöü",  # Danish, Norwegian
        "áéíóúèêëïöüç",  # Dutch
        "àçéèíïóòúü",  # Catalan
    )
]
_SIGNS = frozenset("€‚„…‘’“”•–—™\u00a0¡£§©ª«®°´·º»¿½¼¾")
_UNUSUAL = re.compile(  # in Western words: many letters beyond ASCII, a sign within a word
    rb"[\x8c\x9c\xc0-\xff]{3}|[a-z][\x80-\x8b\x8d-\x91\x93-\x95\x98\x99\xa1-\xb6\xb8-\xbf][a-z]"
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_UTF8_PAIR = re.compile(rb"[\xc2\xc3][\x80-\xbf]|[\xe2-\xef][\x80-\x9f\xa1-\xbf][\x80-\xbf]")


def check_encoding(encoding: str | None) -> str | None:
    """The encoding's name as Python knows it; `SettingsError` if it does not.

    >>> check_encoding("Latin1")
    'iso8859-1'
    """
    if encoding is None:
        return None
    try:
        name = codecs.lookup(encoding).name
        "a".encode(name)
        if name in _NOT_OF_FILES:
            raise LookupError
    except (LookupError, ValueError, TypeError):
        known = "utf-8, utf-16, cp1252, cp1251, latin-1, gb18030 and shift_jis are some"
        raise SettingsError(
            f"encoding={shown(encoding)} is not an encoding of text: {known}"
        ) from None
    return name


def by_mark(start: bytes) -> tuple[str | None, int]:
    """The encoding that a byte-order mark tells, and the mark's length; `(None, 0)` without one."""
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding, len(mark)
    return None, 0


def is_western(blocks: Iterable[bytes]) -> bool:
    """Whether bytes that are not UTF-8 are, beyond doubt, a Western European language in cp1252."""
    counts: Counter[int] = Counter()
    before = b""
    for block in blocks:
        near = before + block
        if _UNUSUAL.search(near) or _UTF8_PAIR.search(near) or _CONTROL.search(block):
            return False
        counts.update(set(block))
        before = block[-2:]
    high = bytes(byte for byte in counts if byte > 127)
    try:
        letters = set(high.decode("cp1252")) - _SIGNS
    except UnicodeDecodeError:
        return False
    return any(letters <= alphabet for alphabet in _ALPHABETS)


def hint(start: bytes) -> str:
    """What may help with a file that begins so and cannot be read as UTF-8."""
    if start[:4].count(0) == 2 and (start[1::2][:2] == b"\0\0" or start[::2][:2] == b"\0\0"):
        end = "le" if start[1] == 0 else "be"
        return f"it looks like UTF-16 without a byte-order mark: say encoding='utf-16-{end}'"
    if _CONTROL.search(start):
        return "a binary file?"
    return "save it as UTF-8, or name its encoding, as encoding='cp1251' (--encoding)"
