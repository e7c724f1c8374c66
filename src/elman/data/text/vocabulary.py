"""From text to integers and back: the one interface of characters, words and pieces of words."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.data.checks import indices, strings, whole
from elman.data.text.files import may_be_path
from elman.data.values import shown
from elman.errors import DataError, ModelError, SettingsError
from elman.files import write_atomic

Kind: TypeAlias = Literal["characters", "words", "bpe", "unigram"]
PIECES = ("bpe", "unigram")  # kinds that know any text, by parts of words and bytes
IDs: TypeAlias = NDArray[np.int32]
PAD = 0
UNKNOWN = 1
REPLACEMENT = "\ufffd"


class Stream(ABC):
    """Decodes ids one at a time: the pieces, joined, are what `Vocabulary.decode` gives."""

    @abstractmethod
    def add(self, token: int) -> str:
        """The text that is complete with this id; "" in the middle of a character."""

    def finish(self) -> str:
        """What is left at the end: a replacement character for an incomplete one."""
        return ""


class Vocabulary(ABC):
    """Maps text to ids and back. Id 0 is padding, id 1 is for what is not in the vocabulary.

    Made by `build_vocabulary` or `Vocabulary.load`.
    """

    kind: ClassVar[Kind]
    separator: ClassVar[str] = ""  # what `decode` puts between tokens
    pad_id: ClassVar[int] = PAD
    unknown_id: ClassVar[int] = UNKNOWN
    lowercase: bool

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of ids, padding and unknown included."""

    @property
    @abstractmethod
    def characters(self) -> IDs:
        """How many characters of text each id stands for: int32 (size,).

        The sum over the ids of a text turns nats a token into bits a character.
        """

    @abstractmethod
    def encode_many(self, texts: Iterable[str]) -> list[IDs]:
        """The ids of each text, int32 (T,)."""

    @abstractmethod
    def stream(self) -> Stream:
        """A fresh decoder for ids that come one at a time."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """What `save` writes beside the kind."""

    def encode(self, text: str) -> IDs:
        """The ids of a text, int32 (T,)."""
        if not isinstance(text, str):
            raise DataError(f"text={shown(text)}: a string is needed")
        return self.encode_many([text])[0]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; padding gives nothing, unknown a replacement character."""
        stream, known = self.stream(), indices(ids, "ids", self.size)
        return "".join(stream.add(token) for token in known.tolist()) + stream.finish()

    def __len__(self) -> int:
        return self.size

    @property
    def hash(self) -> str:
        """SHA-256 of the content: equal for vocabularies that encode alike."""
        return hashlib.sha256(self._json().encode()).hexdigest()

    def save(self, path: Path | str) -> None:
        """Write the vocabulary as JSON, atomically."""
        write_atomic(path, self._json())

    @staticmethod
    def load(path: Path | str) -> "Vocabulary":
        """Read what `save` wrote; a damaged file is a `ModelError`. Nothing in it is executed."""
        if not isinstance(path, (str, Path)) or not may_be_path(str(path)):
            raise ModelError(f"no such file: {shown(path)}")
        path = Path(path)
        try:
            content = json.loads(path.read_bytes())
            if content.pop("version") != 1:
                raise ValueError("it was written by another version of elman")
            vocabulary: Vocabulary = _class(content.pop("kind"))(**content)
        except FileNotFoundError:
            raise ModelError(f"no such file: {path}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} is not a vocabulary: {error}") from error
        return vocabulary

    def _json(self) -> str:
        return json.dumps({"version": 1, "kind": self.kind, **self.content()})


def build_vocabulary(
    kind: Kind,
    texts: Iterable[str],
    *,
    size: int | None = None,
    min_count: int = 1,
    lowercase: bool = False,
) -> Vocabulary:
    """A vocabulary of the texts, which are read once, one after the other.

    **Arguments:**

    - `kind`: "characters"; "words" (NFKC, punctuation apart, every Chinese or Japanese character a
      word of its own); "bpe", byte pairs (Sennrich et al. 2016, on bytes); or "unigram", the pieces
      of a unigram language model (Kudo 2018). The last two know any text.
    - `texts`: documents or blocks of a corpus (`elman.data.text_blocks`).
    - `size`: most ids, padding and unknown included; the most frequent stay. By default all
      characters or words, and 8192 byte pairs or pieces.
    - `min_count`: characters, words or pairs that are rarer are left out.
    - `lowercase`: whether texts are put in lower case first.

    >>> vocabulary = build_vocabulary("characters", ["hello"])
    >>> vocabulary.encode("hole")
    array([3, 5, 4, 2], dtype=int32)
    >>> vocabulary.decode([3, 2, 4, 4, 5])
    'hello'
    """
    if isinstance(texts, str):
        raise SettingsError("texts is one string; give a list of texts")
    min_count = whole(min_count, "min_count", 1)
    size = None if size is None else whole(size, "size", 3)  # two ids are reserved
    try:
        chosen = _class(kind)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    vocabulary: Vocabulary = chosen.build(strings(texts), size, min_count, lowercase)
    if vocabulary.size <= 2:
        raise DataError(f"the texts hold no {kind} that occur {min_count} times or more")
    return vocabulary


def check_symbols(symbols: Any, what: str) -> list[str]:
    """The list, if it holds different strings only: the check of every loaded vocabulary."""
    if not isinstance(symbols, list) or not all(isinstance(s, str) and s for s in symbols):
        raise ValueError(f"its {what} are not a list of strings")
    if len(set(symbols)) < len(symbols):
        raise ValueError(f"its {what} are not all different")
    return symbols


def clean(text: str, lowercase: bool) -> str:
    """The text without lone surrogates, which UTF-8 (and so the tokenizers library) cannot hold."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.lower() if lowercase else text


def _class(kind: str) -> Any:
    from elman.data.text import characters, subwords, unigram

    kinds = {
        "characters": characters.Characters,
        "words": subwords.Words,
        "bpe": subwords.BytePairs,
        "unigram": unigram.Unigrams,
    }
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"kind={shown(kind)} is not one of {', '.join(kinds)}")
    return kinds[kind]
