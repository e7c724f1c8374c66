"""Word vectors of the user's own that a classifier of texts begins with."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from elman.data import Vocabulary
from elman.data.text.subwords import Words
from elman.data.text.word_vectors import WordVectors, read_word_vectors, vector_size
from elman.errors import DataError, SettingsError
from elman.tasks.classify.settings import ClassifySettings


def check_words(settings: ClassifySettings) -> None:
    """Raise `SettingsError` where settings are of words and tokens are not, or sizes differ."""
    for name in ("ngram_buckets", "vectors"):
        value = getattr(settings, name)
        if value and settings.tokens != "words":
            raise SettingsError(
                f"{name}={value!r} is for words, and tokens is {settings.tokens!r}: choose"
                f" tokens='words', or leave {name} out"
            )
    if settings.vectors is not None:
        size = vector_size(settings.vectors)
        if size != settings.embedding_size:
            raise SettingsError(
                f"embedding_size={settings.embedding_size}: the vectors in {settings.vectors} have"
                f" {size} numbers: leave embedding_size out"
            )


def vectors_of(vocabulary: Vocabulary, settings: ClassifySettings) -> WordVectors | None:
    """The vectors that the settings' file has of the vocabulary; None without a file.

    Raises `DataError` where it has none of the words.
    """
    if settings.vectors is None or not isinstance(vocabulary, Words):
        return None
    found = read_word_vectors(settings.vectors, vocabulary.words, lowercase=vocabulary.lowercase)
    if not found.words:
        raise DataError(
            f"{settings.vectors} has none of the {len(vocabulary.words):,} words of the texts: is"
            " it of another language or encoding?"
        )
    return found


def summary(vectors: WordVectors, vocabulary: Vocabulary, path: str) -> str:
    """In a line, how many words have a vector."""
    words, size = vectors.values.shape
    return (
        f"Vectors: {words:,} of {vocabulary.size - 2:,} words found in {Path(path).name}"
        f" ({size} numbers each)"
    )


def deviation(vectors: WordVectors) -> float:
    """The standard deviation of the vectors' numbers, for words that have none; 1 if it is 0."""
    return float(vectors.values.std(dtype=np.float64)) or 1.0


def begin_with(embedding: nn.Embedding, vectors: WordVectors, vocabulary: Vocabulary) -> None:
    """Write the vectors into an embedding of the vocabulary."""
    assert isinstance(vocabulary, Words)
    ids = torch.tensor([vocabulary.id_of(word) for word in vectors.words])
    with torch.no_grad():
        embedding.weight[ids] = torch.from_numpy(vectors.values).to(embedding.weight.dtype)
