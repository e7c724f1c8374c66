"""How a text becomes ids, as plain data for a program in another language."""

import re
from typing import Any

from elman.data.text.subwords import WORD_PATTERN, BytePairs, Words
from elman.data.text.unigram import PIECE_PATTERN, Unigrams
from elman.data.text.vocabulary import PAD, UNKNOWN, Vocabulary

_PIECES = {
    "characters": "each character (Unicode code point) is a token",
    "words": "all matches of `pattern` in the text are tokens",
    "bpe": "all matches of `pattern` are written in the byte alphabet of GPT-2; in each, as long as"
    " two neighbours are in `merges`, the pair that stands first there becomes one",
    "unigram": "characters that are no token of their own are written as their UTF-8 bytes, byte b"
    " as U+F0000 + b; each match of `pattern` is cut so that the sum of `scores` is largest",
}


def described(vocabulary: Vocabulary) -> dict[str, Any]:
    """The steps from a text to ids in their order, with all that they need: small letters, form of
    Unicode, pieces by a pattern (as JavaScript with the flags g and u reads it), their ids.

    >>> from elman.data import build_vocabulary
    >>> found = described(build_vocabulary("characters", ["hello"]))
    >>> found["kind"], found["tokens"], found["first_id"]
    ('characters', ['e', 'h', 'l', 'o'], 2)
    """
    content = dict(vocabulary.content())
    tokens = next(content.pop(name) for name in ("symbols", "words", "tokens") if name in content)
    pattern = None
    if isinstance(vocabulary, Words):
        pattern = re.sub(r"\\p\{(Han|Hiragana|Katakana)\}", r"\\p{Script=\1}", WORD_PATTERN)
    elif isinstance(vocabulary, Unigrams):
        pattern = PIECE_PATTERN
    elif isinstance(vocabulary, BytePairs):
        pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return {
        "kind": vocabulary.kind,
        "lowercase": content.pop("lowercase", False),
        "unicode": "NFKC" if isinstance(vocabulary, Words) else None,
        "pattern": pattern,
        "cut": _PIECES[vocabulary.kind],
        "padding": PAD,
        "unknown": UNKNOWN,
        "first_id": 2,
        "separator": vocabulary.separator,
        "tokens": list(tokens),
        **content,
    }
