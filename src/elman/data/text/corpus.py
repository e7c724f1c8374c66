"""A corpus as token ids on disk, made and read in bounded memory."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.data.checks import share
from elman.data.datasets.download import fetch
from elman.data.datasets.registry import is_reference, missing, resolve
from elman.data.shards.read import Shards
from elman.data.text.encodings import check_encoding
from elman.data.text.files import at_word_gaps, existing_file, is_there, may_be_path, read_blocks
from elman.data.text.vocabulary import Vocabulary
from elman.data.values import as_list, shown, text_of
from elman.errors import DataError, SettingsError
from elman.files import write_atomic

Source: TypeAlias = str | Path | Iterable[Path] | Iterable[str] | Shards
_Reader: TypeAlias = Callable[[Path], Iterator[str]]
_BATCH = 8
_MOST_BYTES = 20 << 30


@dataclass(frozen=True)
class Corpus:
    """Token ids of a text.

    **Fields:**

    - `tokens`: (N,) uint16, or uint32 for a vocabulary of 65,536 ids or more; a memory map where
      the corpus was given a folder.
    - `source`: what it was made of, for messages.
    - `characters`: how many characters the text has.
    - `sha256`: hash of the text.
    """

    tokens: NDArray[np.uint16] | NDArray[np.uint32]
    source: str
    characters: int
    sha256: str

    def __len__(self) -> int:
        return len(self.tokens)

    def train_validation(
        self, fraction: float = 0.1, stretches: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """The tokens for training, and a `fraction` of them for validation.

        With one stretch that is the end of the text. With several, one lies in the middle of each
        of as many equal parts, so that the text's end and all its parts are trained on; what is
        left on both sides of a stretch is joined.
        """
        fraction = share(fraction)
        cut = int(len(self.tokens) * (1 - fraction))
        if not 0 < cut < len(self.tokens):
            raise DataError(f"{self.source}: {len(self)} tokens are too few to hold some out")
        if stretches == 1:
            return self.tokens[:cut], self.tokens[cut:]
        length = (len(self) - cut) // stretches
        middles = (np.arange(stretches) + 0.5) * len(self) / stretches
        cuts = np.stack([middles - length / 2, middles + length / 2], 1).astype(int)
        cuts[:, 1] = cuts[:, 0] + length
        pieces = np.split(self.tokens, cuts.ravel())
        return np.concatenate(pieces[::2]), np.concatenate(pieces[1::2])


def text_blocks(source: Source, *, encoding: str | None = None) -> Iterator[str]:
    r"""The text of a source block by block, in bounded memory: for `build_vocabulary`.

    **Arguments:**

    - `source`: a path, a folder (all its `.txt`, in order of their names), a dataset reference
      (`lm_tinyshakespeare`), `Path` objects, or documents (an iterable of strings); a string that
      cannot be a path is a document. Also `Shards` of text.
    - `encoding`: of the files; found if None, see `elman.data.text.files.read_blocks`.

    Files and documents that do not end with a line end get one when another follows. Raises
    `DataError` for what is missing, empty or not text.

    >>> "".join(text_blocks(["one document", "another"]))
    'one document\nanother'
    """
    files = _files(source, encoding)
    texts: Iterable[Iterable[str]]
    if isinstance(source, Shards):
        texts = [(row.text for row in source.rows())]
    elif files is None:
        texts = ([_document(text)] for text in _documents(source))
    else:
        texts = (reader(path) for path, reader in files)
    empty = True
    for block in at_word_gaps(_joined(texts)):
        empty = False
        yield block
    if empty:
        raise DataError(f"{_describe(source)} is empty")


def read_corpus(
    source: Source,
    vocabulary: Vocabulary,
    folder: Path | str | None = None,
    *,
    encoding: str | None = None,
) -> Corpus:
    """The token ids of a text.

    **Arguments:**

    - `source`: as for `text_blocks`.
    - `vocabulary`: what encodes it.
    - `folder`: where the ids are kept; they are made again when the files (their paths, sizes or
      times) or the vocabulary change. Of more than 20 GiB there the oldest are deleted. Documents,
      and files without a folder, are held in memory.
    - `encoding`: as for `text_blocks`.

    >>> from elman.data import build_vocabulary
    >>> corpus = read_corpus(["abcab"], build_vocabulary("characters", ["abc"]))
    >>> corpus.tokens
    array([2, 3, 4, 2, 3], dtype=uint16)
    """
    if not isinstance(vocabulary, Vocabulary):
        raise SettingsError(f"vocabulary={shown(vocabulary)}: one of build_vocabulary is needed")
    tokeniser = _Tokeniser(source, vocabulary, encoding)
    key = _key(source, vocabulary, encoding)
    if folder is None or key is None:
        return tokeniser.corpus(np.concatenate(list(tokeniser)))
    if not isinstance(folder, (str, Path)) or not may_be_path(str(folder)):
        raise SettingsError(f"folder={shown(folder)}: the path of a folder is needed")
    path = Path(folder) / f"{key}.tokens"
    if corpus := _kept(path, tokeniser.source):
        return corpus
    write_atomic(path, tokeniser.write)
    corpus = tokeniser.corpus(np.memmap(path, tokeniser.dtype, mode="r"))
    facts = {
        "dtype": tokeniser.dtype.name,
        "length": len(corpus),
        "characters": corpus.characters,
        "sha256": corpus.sha256,
    }
    write_atomic(path.with_suffix(".json"), json.dumps(facts))
    _forget_oldest(path.parent, _MOST_BYTES, keep=path)
    return corpus


class _Tokeniser:
    """Encodes a source once, counting its characters and hashing it on the way."""

    def __init__(self, source: Source, vocabulary: Vocabulary, encoding: str | None) -> None:
        self.blocks = text_blocks(source, encoding=encoding)
        self.source = _describe(source)
        self.vocabulary = vocabulary
        self.dtype = np.dtype(np.uint16 if vocabulary.size < 1 << 16 else np.uint32)
        self.characters = 0
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[NDArray[Any]]:
        while batch := list(islice(self.blocks, _BATCH)):
            for block, ids in zip(batch, self.vocabulary.encode_many(batch), strict=True):
                self.characters += len(block)
                self.digest.update(block.encode("utf-8", "surrogatepass"))
                yield ids.astype(self.dtype)

    def write(self, path: Path) -> None:
        with path.open("wb") as file:
            for ids in self:
                file.write(ids.data)

    def corpus(self, tokens: NDArray[Any]) -> Corpus:
        return Corpus(tokens, self.source, self.characters, self.digest.hexdigest())


def _kept(path: Path, source: str) -> Corpus | None:
    """The corpus that was made before; `None` if there is none or it is not whole."""
    try:
        facts = json.loads(path.with_suffix(".json").read_bytes())
        tokens = np.memmap(path, facts["dtype"], mode="r")
        if len(tokens) != facts["length"]:
            return None
        path.touch()
        return Corpus(tokens, source, facts["characters"], facts["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget_oldest(folder: Path, most_bytes: int, *, keep: Path) -> None:
    """Delete the token files that were used longest ago, until the rest fits."""
    files = sorted(folder.glob("*.tokens"), key=lambda file: file.stat().st_mtime_ns)
    total = sum(file.stat().st_size for file in files)
    for file in files:
        if total <= most_bytes:
            return
        if file != keep:
            total -= file.stat().st_size
            file.unlink()
            file.with_suffix(".json").unlink(missing_ok=True)


def _key(source: Source, vocabulary: Vocabulary, encoding: str | None) -> str | None:
    """Names the ids of files as they are now; `None` for documents in memory."""
    told = [encoding] if encoding else []
    if isinstance(source, Shards):
        known: list[Any] = [source.manifest.sha256, vocabulary.hash, *told]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()
    files = _files(source, encoding)
    if files is None:
        return None
    states = [(path.resolve(), path.stat(), reader.__name__) for path, reader in files]
    facts = [(str(path), state.st_size, state.st_mtime_ns, name) for path, state, name in states]
    return hashlib.sha256(json.dumps([facts, vocabulary.hash, *told]).encode()).hexdigest()


def _files(source: Source, encoding: str | None) -> list[tuple[Path, _Reader]] | None:
    """The files of a source and the reader of each; `None` for documents in memory."""

    def blocks(path: Path) -> Iterator[str]:
        return read_blocks(path, encoding=encoding)

    check_encoding(encoding)
    if isinstance(source, Shards):
        return None
    if isinstance(source, Iterable) and not isinstance(source, (str, Path)):
        if not isinstance(source, (list, tuple)) or not isinstance(next(iter(source), None), Path):
            return None
        return [(existing_file(path), blocks) for path in source]
    if isinstance(source, str) and is_reference(source):
        dataset, part = resolve(source)
        if part.text is None:
            raise DataError(f"{source} is {part.kind}, not a corpus of plain text")
        return [(file, part.text) for file in fetch(dataset, part.files)]
    if not isinstance(source, (str, Path)):
        raise DataError(
            f"text cannot be read from {shown(source)}: a path, a folder, a dataset's name or a"
            " list of texts is needed"
        )
    if isinstance(source, str) and not may_be_path(source):
        return None
    if str(source) and not is_there(source):
        raise missing(str(source))
    path = Path(source)
    if str(source) and path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".txt")
        if not files:
            raise DataError(f"the folder {path} holds no .txt files")
        return [(file, blocks) for file in files]
    return [(existing_file(source), blocks)]


def _documents(source: Any) -> Iterable[Any]:
    if isinstance(source, str):
        return [source]
    if isinstance(source, Iterator):
        return source
    return as_list(source, "the documents")


def _document(text: object) -> str:
    try:
        text = text_of(text)
    except UnicodeDecodeError as error:
        raise DataError(f"a document is not text in UTF-8: {error.reason}") from None
    if not isinstance(text, str):
        raise DataError(f"a document is a {type(text).__name__}, not a string")
    if text.lower().endswith(".txt") and may_be_path(text) and Path(text).is_file():
        raise DataError(f"{text!r} is the name of a file: give Path({text!r}) to read it")
    return text


def _joined(texts: Iterable[Iterable[str]]) -> Iterator[str]:
    """All pieces of all texts, a line end between two texts where there is none."""
    last = ""
    for text in texts:
        first = True
        for piece in text:
            if not piece:
                continue
            if first and last and not last.endswith("\n"):
                yield "\n"
            first = False
            last = piece
            yield piece


def _describe(source: Source) -> str:
    if isinstance(source, Path | Shards) or (isinstance(source, str) and may_be_path(source)):
        return str(source)
    return "the text" if isinstance(source, str) else f"the {type(source).__name__}"
