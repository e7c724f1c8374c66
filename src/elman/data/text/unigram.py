"""A vocabulary of pieces by a unigram language model (Kudo 2018), on the `tokenizers` library."""

import codecs
import json
import math
import re
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from elman.data.checks import strings
from elman.data.text.vocabulary import (
    PAD,
    REPLACEMENT,
    UNKNOWN,
    IDs,
    Kind,
    Stream,
    Vocabulary,
    check_symbols,
    clean,
)
from elman.errors import SettingsError

_FIRST_BYTE = 0xF0000  # a private character for each byte of those that are not in the vocabulary
_BYTES = tuple(chr(_FIRST_BYTE + byte) for byte in range(256))
_DEFAULT_PIECES = 8192
_RESERVED = 2
LEAST_PIECES = 256 + _RESERVED
_RARER = 10.0  # nats by which a byte is less likely than the least likely piece
_DECIMALS = 4  # of a piece's log probability
_STEP = 1e-4  # by which the library lets scores of characters differ that it has to keep
PIECE_PATTERN = r" ?\p{L}[\p{L}\p{M}]*| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"


class Unigrams(Vocabulary):
    """Pieces of words, of a text the most likely: any text is known, and `decode(encode(text))` is
    the text. Characters that no piece has are written as their bytes.
    """

    kind: ClassVar[Kind] = "unigram"

    def __init__(self, tokens: list[str], scores: list[float], lowercase: bool = False) -> None:
        self.tokens = check_symbols(tokens, "tokens")
        self.scores = [float(score) for score in scores]
        if len(scores) != len(tokens) or not all(map(math.isfinite, self.scores)):
            raise ValueError("its scores are not a finite number for each token")
        if tuple(tokens[:256]) != _BYTES:
            raise ValueError("its tokens do not begin with all 256 bytes")
        self.lowercase = bool(lowercase)
        known = {token for token in tokens[256:] if len(token) == 1}
        if not known.issuperset("".join(tokens[256:])):
            raise ValueError("its tokens hold characters that are no tokens themselves")
        self._table = _Table((ord(character), character) for character in known)
        self._tokenizer = _tokenizer(models.Unigram(list(zip(tokens, self.scores, strict=True)), 0))

    @classmethod
    def build(
        cls, texts: Iterable[str], size: int | None, min_count: int, lowercase: bool
    ) -> "Unigrams":
        """Learn the pieces from the texts; characters rarer than `min_count` are written in bytes.

        The same texts give the same pieces: what the library leaves to chance, the last digits of
        scores and those of rare characters, is made equal.
        """
        size = _DEFAULT_PIECES if size is None else size
        if size < LEAST_PIECES:
            raise SettingsError(
                f"size={size}: unigrams need at least {LEAST_PIECES}, one id a byte and two"
            )
        read = [clean(text, lowercase) for text in texts]
        known = _characters(read, size - LEAST_PIECES, min_count)
        table = _Table((ord(character), character) for character in known)
        learner = _tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=size - LEAST_PIECES,
            initial_alphabet=known,
            special_tokens=[],
            show_progress=False,
        )
        if known:  # parts of texts between unknown characters
            parts = re.compile(f"[^{_BYTES[0]}-{_BYTES[-1]}]+").findall
            read = [part for text in read for part in parts(text.translate(table))]
            learner.train_from_iterator(read, trainer)
        found = json.loads(learner.to_str())["model"]["vocab"] if known else []
        least = min((score for _, score in found), default=0.0)
        chance = least + _STEP * (len(known) + 1)  # characters below it are in no order
        scores = dict.fromkeys(known, round(least, _DECIMALS))
        for piece, score in found:
            if len(piece) > 1 or score > chance:
                scores[piece] = round(score, _DECIMALS)
        pieces = sorted(scores, key=lambda piece: (-scores[piece], piece))
        byte = [round(least - _RARER, _DECIMALS)] * 256
        return cls([*_BYTES, *pieces], [*byte, *(scores[piece] for piece in pieces)], lowercase)

    @property
    def size(self) -> int:
        """The number of ids, padding and unknown included."""
        return len(self.tokens) + _RESERVED

    @property
    def characters(self) -> IDs:
        """The characters that begin in each token: bytes that do not continue a character."""
        begun = (int(byte & 0xC0 != 0x80) for byte in range(256))
        return np.array([0, 1, *begun, *map(len, self.tokens[256:])], np.int32)

    def encode_many(self, texts: Iterable[str]) -> list[IDs]:
        """The ids of each text, int32 (T,)."""
        known = [clean(text, self.lowercase).translate(self._table) for text in strings(texts)]
        encodings = self._tokenizer.encode_batch_fast(known)
        return [np.array(encoding.ids, np.int32) + np.int32(_RESERVED) for encoding in encodings]

    def stream(self) -> Stream:
        """A fresh decoder for ids that come one at a time."""
        return _PieceStream(self.tokens)

    def content(self) -> dict[str, Any]:
        """What `save` writes beside the kind."""
        return {"tokens": self.tokens, "scores": self.scores, "lowercase": self.lowercase}


class _Table(dict[int, str]):
    """Of `str.translate`: known characters stay, others become their bytes' characters."""

    def __missing__(self, code: int) -> str:
        return "".join(_BYTES[byte] for byte in chr(code).encode("utf-8"))


class _PieceStream(Stream):
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        if token == PAD:
            return ""
        if _RESERVED <= token < LEAST_PIECES:
            return self.decoder.decode(bytes([token - _RESERVED]))
        piece = REPLACEMENT if token == UNKNOWN else self.tokens[token - _RESERVED]
        return self.finish() + piece

    def finish(self) -> str:
        return self.decoder.decode(b"", final=True)


def _characters(texts: list[str], most: int, min_count: int) -> list[str]:
    """The most frequent characters, sorted; half of `most`, so that longer pieces have room."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), "<u4")
    counts = np.bincount(codes)
    found = np.flatnonzero(counts >= max(1, min_count))
    found = found[(found < _FIRST_BYTE) | (found >= _FIRST_BYTE + 256)]
    order = np.argsort(-counts[found], kind="stable")
    return sorted(chr(code) for code in found[order][: most // 2])


def _tokenizer(model: models.Model) -> Tokenizer:
    found = Tokenizer(model)
    found.pre_tokenizer = pre_tokenizers.Split(Regex(PIECE_PATTERN), "isolated")
    return found
