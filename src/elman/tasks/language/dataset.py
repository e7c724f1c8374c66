"""What a language model reads: one text, of which parts may be held out, or several to score."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from elman.data import Vocabulary, read_corpus, read_examples, text_blocks
from elman.data.datasets.registry import is_reference, resolve
from elman.data.frames import columns_of
from elman.data.shards import Shards
from elman.data.tables import SUFFIXES
from elman.data.text.corpus import Corpus
from elman.data.text.files import is_there, lines_of, may_be_path, texts_of_lines
from elman.data.values import as_list, shown, text_of
from elman.errors import DataError

_NONE: Mapping[int, str] = MappingProxyType({})
_STRETCHES = 10  # of a text that are held out
_STRETCH = 500  # tokens of one, at least
_MOST_JOINED = 20_000_000  # tokens of a text whose parts are joined in memory


def texts_of_table(source: Any, column: str, encoding: str | None) -> list[str] | None:
    """The texts of a table, which stand in one column, or of a dataset; None of all else.

    >>> texts_of_table({"text": ["good", "bad"], "label": [1, 0]}, "text", None)
    ['good', 'bad']
    """
    if isinstance(source, str | Path):
        is_file = is_there(source) and Path(source).is_file()
        is_table = is_file and Path(source).suffix.lower() in SUFFIXES
        if isinstance(source, str) and is_reference(source):
            is_table = resolve(source)[1].examples is not None
    else:
        is_record = isinstance(source, list) and bool(source) and isinstance(source[0], Mapping)
        is_table = is_record or isinstance(source, Mapping)
        is_table = is_table or columns_of(source, "the dataframe") is not None
    if not is_table:
        return None
    found = read_examples(source, text=column, features=None, label=None, encoding=encoding)
    if not found.is_text:
        raise DataError(f"{shown(source)} holds feature vectors, and a text is needed")
    return [str(text) for text in found.inputs]


@dataclass(frozen=True, eq=False)
class LanguageText:
    """One text, all of it or one side of where it is cut.

    - `source`, `encoding`: see `elman.data.text_blocks`.
    - `name`: of the table that the source was read from, if it was.
    - `part`: what of it; "held_out" is `share` of its tokens and at most `most`, in up to ten
      stretches spread evenly over the text: what comes after a text is often most like its end,
      which must not be missing in training. Of a short text, and of a very long one, whose parts
      would have to be joined in memory, it is the end.
    """

    source: Any
    encoding: str | None
    name: str | None = None
    part: Literal["all", "training", "held_out"] = "all"
    share: float = 0.0
    most: int = 0
    left_out: ClassVar[Mapping[int, str]] = _NONE
    _read: dict[str, Corpus] = field(default_factory=dict, repr=False)  # by the vocabulary's hash

    @classmethod
    def of(cls, source: Any, encoding: str | None, column: str = "text") -> Self:
        """The text of a source, which may be an iterator or shards; of a table that of a column."""
        if (shards := Shards.at(source, "text")) is not None:
            return cls(shards, encoding)
        source = list(source) if isinstance(source, Iterator) else source
        texts = texts_of_table(source, column, encoding)
        if texts is None:
            return cls(source, encoding)
        return cls(texts, encoding, shown(source) if isinstance(source, str | Path) else None)

    def __len__(self) -> int:
        return 1

    def shown(self, number: int) -> str:  # noqa: ARG002
        """The source."""
        return self.name or shown(self.source)

    def split(self, share: float, most: int) -> tuple[Self, Self]:
        """The text to train on, and what is held out of it."""
        return (
            replace(self, part="training", share=share, most=most),
            replace(self, part="held_out", share=share, most=most),
        )

    def blocks(self) -> Iterator[str]:
        """The whole text, whichever part of it this is."""
        return text_blocks(self.source, encoding=self.encoding)

    def corpus(self, vocabulary: Vocabulary, folder: Path | None = None) -> Corpus:
        """The whole text as ids; they are made once, and kept in `folder` if there is one."""
        key = vocabulary.hash
        if key not in self._read:
            corpus = read_corpus(self.source, vocabulary, folder, encoding=self.encoding)
            self._read[key] = corpus
        return self._read[key]

    def tokens(self, vocabulary: Vocabulary) -> NDArray[Any]:
        """The ids of this part."""
        corpus = self.corpus(vocabulary)
        if self.part == "all":
            return corpus.tokens
        share = min(self.share, self.most / len(corpus))
        stretches = int(np.clip(share * len(corpus) // _STRETCH, 1, _STRETCHES))
        if len(corpus) > _MOST_JOINED:
            stretches = 1
        train, held_out = corpus.train_validation(share, stretches)
        return train if self.part == "training" else held_out

    def inputs(self, vocabulary: Vocabulary) -> list[NDArray[Any]]:
        """What is scored: this part, as one."""
        tokens = self.tokens(vocabulary)
        if len(tokens) < 2:
            raise DataError("the text is too short to evaluate: two tokens are needed")
        return [tokens]


@dataclass(frozen=True)
class LanguageTexts:
    """Texts to be scored one by one, each with a name for messages."""

    names: list[str]
    texts: list[str]
    left_out: ClassVar[Mapping[int, str]] = _NONE

    @classmethod
    def of(cls, data: Any, encoding: str | None, column: str = "text") -> Self:
        """The lines of files and datasets, the rows of a table, or the items of a list."""
        texts = texts_of_table(data, column, encoding)
        if texts is not None:
            return cls._of_items(texts)
        if isinstance(data, str) and not may_be_path(data):
            data = [data]
        if not isinstance(data, str | Path):
            return cls._of_items(data)
        if is_there(data) and Path(data).is_file():
            lines = texts_of_lines(data, encoding)
        else:
            lines = list(lines_of("".join(text_blocks(data, encoding=encoding))))
        if not lines:
            raise DataError(f"{data} is empty")
        return cls([f"{data}:{number}" for number, _ in lines], [line for _, line in lines])

    @classmethod
    def _of_items(cls, data: Any) -> Self:
        texts: list[str] = []
        for i, item in enumerate(as_list(data, "the texts"), 1):
            try:
                text = text_of(item)
            except UnicodeDecodeError as error:
                raise DataError(f"text {i} is not UTF-8: {error.reason}") from None
            if not isinstance(text, str):
                raise DataError(f"text {i} is a {type(text).__name__}, not a string")
            texts.append(str(text))
        if not texts:
            raise DataError(f"no texts in the {type(data).__name__}")
        return cls([f"text {i}" for i in range(1, len(texts) + 1)], texts)

    def __len__(self) -> int:
        return len(self.texts)

    def shown(self, number: int) -> str:
        """The text."""
        return self.texts[number]

    def inputs(self, vocabulary: Vocabulary) -> list[NDArray[Any]]:
        """The ids of each text; DataError for one that has fewer than two."""
        found = list(vocabulary.encode_many(self.texts))
        for name, text, ids in zip(self.names, self.texts, found, strict=True):
            if len(ids) < 2:
                raise DataError(f"{name}: {shown(text, 40)} is too short: two tokens are needed")
        return found
