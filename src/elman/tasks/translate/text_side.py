"""One side of a translation: its text, normalised, to token ids and back."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elman.data import Vocabulary
from elman.data.text.chinese import ChineseScript, to_script
from elman.data.text.normalise import Form, normalise
from elman.data.text.subwords import Words
from elman.data.text.vocabulary import PIECES
from elman.tasks.translate.placeholders import SYMBOLS, split_symbols

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
    it. The model's ids are the vocabulary's and two more, `start_id` and `end_id`, then those of
    as many symbols of placeholders as `placeholders` says.
    """

    vocabulary: Vocabulary
    form: Form = "nfc"
    chinese: ChineseScript | None = None
    placeholders: int = 0

    @property
    def size(self) -> int:
        """The number of ids, start, end and placeholders included."""
        return self.vocabulary.size + _RESERVED + self.placeholders

    @property
    def placeholder_ids(self) -> range:
        """The ids of placeholders."""
        return range(self.vocabulary.size + _RESERVED, self.size)

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
        end = np.array([self.end_id])
        return [
            np.concatenate([ids, end]) for ids in self._encoded([self.normal(t) for t in texts])
        ]

    def _encoded(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """The ids of texts that are normal, of symbols of placeholders too."""
        if not self.placeholders:
            return [ids.astype(np.int64) for ids in self.vocabulary.encode_many(texts)]
        split = [list(self._split(text)) for text in texts]
        ids = iter(self.vocabulary.encode_many([piece for parts in split for piece, _ in parts]))
        symbols = self.placeholder_ids
        return [
            np.concatenate(
                [
                    np.array([*next(ids), *([symbols[symbol]] if symbol >= 0 else [])], np.int64)
                    for _, symbol in parts
                ]
            )
            for parts in split
        ]

    def _split(self, text: str) -> Iterable[tuple[str, int]]:
        return split_symbols(text) if self.placeholders else [(text, -1)]

    def inner_ids(self, text: str) -> list[int]:
        """The ids of a text as it stands after other words, without the end."""
        spaced = not _BETWEEN.sub("", f"a {text[:1]}").endswith(f"a{text[:1]}")
        before = " " if spaced and self.vocabulary.kind in PIECES else ""
        return [int(id) for id in self._encoded([before + self.normal(text)])[0]]

    def symbols(self, text: str) -> list[str]:
        """The text of each token of `encode`, but of the end.

        A word that the vocabulary lacks is itself.
        """
        found: list[str] = []
        for piece, symbol in self._split(self.normal(text)):
            if isinstance(self.vocabulary, Words):
                words, numbers, _ = self.vocabulary.distinct([piece])
                found += [words[i] for i in numbers]
            elif self.vocabulary.kind == "characters":
                found += piece.lower() if self.vocabulary.lowercase else piece
            else:
                found += self.pieces(self.vocabulary.encode(piece).tolist())
            if symbol >= 0:
                found.append(SYMBOLS[symbol])
        return found

    def stream(self, values: Sequence[str] = SYMBOLS) -> "Pieces":
        """A fresh decoder for ids that come one at a time; `values`: of the placeholders."""
        return Pieces(self, values)

    def pieces(self, ids: Iterable[int], values: Sequence[str] = SYMBOLS) -> list[str]:
        """What each id adds to the text, ids of start and end left out."""
        stream, ends = self.stream(values), (self.start_id, self.end_id)
        found = [stream.add(id) for id in ids if id not in ends]
        if found:
            found[-1] += stream.finish()
        return found

    def decode(self, ids: Iterable[int], copied: Sequence[str] = ()) -> str:
        """The text of ids; each unknown one is the next of `copied`, as long as there are any."""
        own = [id for id in ids if id not in (self.start_id, self.end_id)]
        pieces = self.pieces(own)
        if copied:
            unknown, rest = self.vocabulary.unknown_id, iter(copied)
            pairs = zip(pieces, own, strict=True)
            pieces = [next(rest, piece) if id == unknown else piece for piece, id in pairs]
        if isinstance(self.vocabulary, Words):
            return joined(piece.strip() for piece in pieces)
        return "".join(pieces)


class Pieces:
    """Decodes ids one at a time: what each adds to the text.

    **Arguments:** `values`: the text of each placeholder.
    """

    def __init__(self, side: TextSide, values: Sequence[str]) -> None:
        self._first = side.placeholder_ids.start
        self._size, self._space = side.vocabulary.size, side.vocabulary.separator
        self._words, self._values = side.vocabulary.stream(), values
        self._is_begun = self._is_after_value = False

    def add(self, id: int) -> str:
        """The text that is complete with this id; "" for start and end."""
        if id >= self._first:
            space = self._space if self._is_begun else ""
            self._is_begun = self._is_after_value = True
            return f"{self._words.finish()}{space}{self._values[id - self._first]}"
        if id >= self._size:
            return ""
        piece = self._words.add(id)
        if self._is_after_value and piece and not piece.startswith(self._space):
            piece = self._space + piece
        self._is_begun, self._is_after_value = self._is_begun or bool(piece), False
        return piece

    def finish(self) -> str:
        """What is left at the end."""
        return self._words.finish()


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
