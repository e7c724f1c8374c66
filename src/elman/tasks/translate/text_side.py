"""One side of a translation: its text, normalised, to token ids and back."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data import Vocabulary
from elman.data.text.chinese import ChineseScript, to_script
from elman.data.text.normalise import Form, normalise
from elman.data.text.subwords import Words

_RESERVED = 2  # ids that a model has beside the vocabulary's: start and end

# White space that words, joined by it, do not have: before what closes, after what opens.
_CLOSES = re.compile(r"\s+([.,;:!?%)\]}»”’…]+)(?=\s|$)")
_OPENS = re.compile(r"(^|\s)([(\[{«“‘¿¡]+)\s+")
_UNSPACED = r"\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"  # Chinese and Japanese
_BETWEEN = re.compile(rf"(?<=[{_UNSPACED}]) +| +(?=[{_UNSPACED}])")


@dataclass(frozen=True, eq=False)
class TextSide:
    """The texts of one side: normalisation, vocabulary, and the ids of start and end.

    `form` is Unicode's normal form, `chinese` the script that Chinese is brought to, None to leave
    it. The model's ids are the vocabulary's and two more, `start_id` and `end_id`.
    """

    vocabulary: Vocabulary
    form: Form = "nfc"
    chinese: ChineseScript | None = None

    @property
    def size(self) -> int:
        """The number of ids, start and end included."""
        return self.vocabulary.size + _RESERVED

    @property
    def start_id(self) -> int:
        """The id that a target begins with."""
        return self.vocabulary.size

    @property
    def end_id(self) -> int:
        """The id that ends a source and a target."""
        return self.vocabulary.size + 1

    def normal(self, text: str) -> str:
        """The text as the model reads it."""
        return normal(text, self.form, self.chinese)

    def encode(self, texts: Iterable[str]) -> list[NDArray[np.int64]]:
        """The ids of each text with `end_id` behind them, int64 (T,)."""
        texts = [self.normal(text) for text in texts]
        end = np.array([self.end_id])
        return [np.concatenate([ids, end]) for ids in self.vocabulary.encode_many(texts)]

    def inner_ids(self, text: str) -> list[int]:
        """The ids of a text as it stands after other words, without the end."""
        spaced = not _BETWEEN.sub("", f"a {text[:1]}").endswith(f"a{text[:1]}")
        before = " " if spaced and self.vocabulary.kind == "bpe" else ""
        return [int(id) for id in self.vocabulary.encode(before + self.normal(text))]

    def symbols(self, text: str) -> list[str]:
        """The text of each token of `encode`, but of the end.

        A word that the vocabulary lacks is itself.
        """
        text = self.normal(text)
        if isinstance(self.vocabulary, Words):
            return next(self.vocabulary.split_many([text]))
        if self.vocabulary.kind == "characters":
            return list(text.lower() if self.vocabulary.lowercase else text)
        return self.pieces(self.vocabulary.encode(text).tolist())

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """What each id adds to the text, ids of start and end left out."""
        stream = self.vocabulary.stream()
        found = [stream.add(id) for id in ids if id < self.vocabulary.size]
        if found:
            found[-1] += stream.finish()
        return found

    def decode(self, ids: Iterable[int], copied: Sequence[str] = ()) -> str:
        """The text of ids; each unknown one is the next of `copied`, as long as there are any."""
        own = [id for id in ids if id < self.vocabulary.size]
        if isinstance(self.vocabulary, Words) or copied:
            unknown, rest = self.vocabulary.unknown_id, iter(copied)
            pieces = []
            for piece, id in zip(self.pieces(own), own, strict=True):
                text = piece.strip() if isinstance(self.vocabulary, Words) else piece
                pieces.append(next(rest, text) if id == unknown else text)
            if not isinstance(self.vocabulary, Words):
                return "".join(pieces)
            return joined(pieces)
        return self.vocabulary.decode(own)

    def to_config(self) -> dict[str, Any]:
        """All but the vocabulary, in JSON's types."""
        return {"form": self.form, "chinese": self.chinese}


def normal(text: str, form: Form, chinese: ChineseScript | None) -> str:
    """A text in a Unicode form, Chinese in one script if there is one."""
    text = normalise(text, form)
    return text if chinese is None else to_script(text, chinese)


def joined(words: Iterable[str]) -> str:
    """Words to a text: no space before what closes, after what opens, or within Chinese.

    >>> joined(["How", "are", "you", "(", "all", ")", "?"]), joined(["你", "好", "。"])
    ('How are you (all)?', '你好。')
    """
    text = " ".join(words)
    text = _OPENS.sub(r"\1\2", text)
    text = _CLOSES.sub(r"\1", text)
    return _BETWEEN.sub("", text)
