"""Vocabularies of words and of byte pairs, on the `tokenizers` library."""

import codecs
import json
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from elman.data.checks import strings
from elman.data.text.distinct import DistinctPieces, DistinctWords
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

_PAD_WORD, _UNKNOWN_WORD = "<pad>", "<unk>"
_EVERY_ONE_A_WORD = r"\p{Han}\p{Hiragana}\p{Katakana}ー"
WORD_PATTERN = (
    rf"[{_EVERY_ONE_A_WORD}]"
    rf"|(?:(?![{_EVERY_ONE_A_WORD}])[\p{{L}}\p{{M}}\p{{N}}_])+(?:['’]\p{{L}}+)*"
    r"|[^\s\p{L}\p{M}\p{N}_]"
)
_DEFAULT_PAIRS = 8192
_RESERVED = 2
LEAST_PAIRS = 256 + _RESERVED  # tokens of a vocabulary of byte pairs


class Words(Vocabulary):
    """One id a word; white space is not kept, so that decoding joins words by one space."""

    kind: ClassVar[Kind] = "words"
    separator: ClassVar[str] = " "

    def __init__(self, words: list[str], lowercase: bool = False) -> None:
        self.words = check_symbols(words, "words")
        self.lowercase = bool(lowercase)
        known = {word: i for i, word in enumerate([_PAD_WORD, _UNKNOWN_WORD, *words])}
        if len(known) < len(words) + _RESERVED:
            raise ValueError("its words hold a reserved one")
        self._ids = known
        self._splitter = _word_splitter()

    @classmethod
    def build(
        cls, texts: Iterable[str], size: int | None, min_count: int, lowercase: bool
    ) -> "Words":
        """Count the words of the texts; ids follow frequency, then the alphabet."""
        counter = Tokenizer(models.WordLevel(unk_token=_UNKNOWN_WORD))
        counter.pre_tokenizer = _word_splitter()
        trainer = trainers.WordLevelTrainer(
            vocab_size=2**31 if size is None else size - _RESERVED,
            min_frequency=min_count,
            special_tokens=[],
            show_progress=False,
        )
        counter.train_from_iterator((_normal(text, lowercase) for text in texts), trainer)
        ids = counter.get_vocab()
        return cls(sorted(ids, key=ids.__getitem__), lowercase)

    @property
    def size(self) -> int:
        """The number of ids, padding and unknown included."""
        return len(self.words) + _RESERVED

    @property
    def characters(self) -> IDs:
        """The characters of each word and of the space after it."""
        return np.array([0, 2, *(len(word) + 1 for word in self.words)], np.int32)

    def encode_many(self, texts: Iterable[str]) -> list[IDs]:
        """The ids of each text, int32 (T,)."""
        words, numbers, counts = self.distinct(texts)
        ids = np.array([self.id_of(word) for word in words], np.int32)[numbers]
        ends = np.cumsum(counts)
        return [ids[end - count : end] for end, count in zip(ends, counts, strict=True)]

    def distinct(self, texts: Iterable[str]) -> DistinctWords:
        """The different words of texts, those that are not in the vocabulary included."""
        normal = (_normal(text, self.lowercase) for text in strings(texts))
        return DistinctPieces(normal).words(self._split)

    def _split(self, text: str) -> list[str]:
        if text.isascii() and text.isalnum():  # a whole word of `WORD_PATTERN`
            return [text]
        return [word for word, _ in self._splitter.pre_tokenize_str(text)]

    def id_of(self, word: str) -> int:
        """The id of a word, as `split_many` gives it."""
        return self._ids.get(word, UNKNOWN)

    def stream(self) -> Stream:
        """A fresh decoder for ids that come one at a time."""
        return _WordStream(self.words)

    def content(self) -> dict[str, Any]:
        """What `save` writes beside the kind."""
        return {"words": self.words, "lowercase": self.lowercase}


class BytePairs(Vocabulary):
    """Byte-level byte pairs: any text is known, and `decode(encode(text)) == text`."""

    kind: ClassVar[Kind] = "bpe"

    def __init__(self, tokens: list[str], merges: list[list[str]], lowercase: bool = False) -> None:
        self.tokens = check_symbols(tokens, "tokens")
        self.merges = [(str(left), str(right)) for left, right in merges]
        self.lowercase = bool(lowercase)
        if not set(_BYTE_OF).issubset(tokens):
            raise ValueError("its tokens do not hold all 256 bytes")
        self._bytes = [bytes(_BYTE_OF[symbol] for symbol in token) for token in tokens]
        ids = {token: i for i, token in enumerate(tokens)}
        for left, right in self.merges:
            if not {left, right, left + right} <= ids.keys():
                raise ValueError(f"its merge {left!r} + {right!r} is not among the tokens")
        self._tokenizer = Tokenizer(models.BPE(ids, self.merges))
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)

    @classmethod
    def build(
        cls, texts: Iterable[str], size: int | None, min_count: int, lowercase: bool
    ) -> "BytePairs":
        """Learn the merges from the texts."""
        size = _DEFAULT_PAIRS if size is None else size
        if size < LEAST_PAIRS:
            raise SettingsError(
                f"size={size}: byte pairs need at least {LEAST_PAIRS}, one id a byte and two"
            )
        learner = Tokenizer(models.BPE())
        learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=size - _RESERVED,
            min_frequency=min_count,
            initial_alphabet=sorted(_BYTE_OF),
            special_tokens=[],
            show_progress=False,
        )
        learner.train_from_iterator((clean(text, lowercase) for text in texts), trainer)
        ids = learner.get_vocab()
        merges = json.loads(learner.to_str())["model"]["merges"]
        pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
        return cls(sorted(ids, key=ids.__getitem__), pairs, lowercase)

    @property
    def size(self) -> int:
        """The number of ids, padding and unknown included."""
        return len(self.tokens) + _RESERVED

    @property
    def characters(self) -> IDs:
        """The characters that begin in each token: bytes that do not continue a character."""
        begun = (sum(byte & 0xC0 != 0x80 for byte in token) for token in self._bytes)
        return np.array([0, 1, *begun], np.int32)

    def encode_many(self, texts: Iterable[str]) -> list[IDs]:
        """The ids of each text, int32 (T,)."""
        texts = [clean(text, self.lowercase) for text in strings(texts)]
        encodings = self._tokenizer.encode_batch_fast(texts)
        return [np.array(encoding.ids, np.int32) + np.int32(_RESERVED) for encoding in encodings]

    def stream(self) -> Stream:
        """A fresh decoder for ids that come one at a time."""
        return _ByteStream(self._bytes)

    def content(self) -> dict[str, Any]:
        """What `save` writes beside the kind."""
        return {"tokens": self.tokens, "merges": self.merges, "lowercase": self.lowercase}


class _WordStream(Stream):
    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.space = ""

    def add(self, token: int) -> str:
        if token == PAD:
            return ""
        word = REPLACEMENT if token == UNKNOWN else self.words[token - _RESERVED]
        piece = self.space + word
        self.space = " "
        return piece


class _ByteStream(Stream):
    def __init__(self, tokens: list[bytes]) -> None:
        self.tokens = tokens
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        if token == PAD:
            return ""
        if token == UNKNOWN:
            return self.decoder.decode(b"", final=True) + REPLACEMENT
        return self.decoder.decode(self.tokens[token - _RESERVED])

    def finish(self) -> str:
        return self.decoder.decode(b"", final=True)


def _word_splitter() -> Any:
    return pre_tokenizers.Split(Regex(WORD_PATTERN), "removed", invert=True)


def _normal(text: str, lowercase: bool) -> str:
    return unicodedata.normalize("NFKC", clean(text, lowercase))


def _byte_symbols() -> Iterator[tuple[str, int]]:
    """The printable character by which byte-level BPE writes each byte (Radford et al. 2019)."""
    spare = 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174:
            yield chr(byte), byte
        else:
            yield chr(spare), byte
            spare += 1


_BYTE_OF = dict(_byte_symbols())
