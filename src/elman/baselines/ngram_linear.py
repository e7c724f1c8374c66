"""Texts by word and character n-grams with a linear model (Wang & Manning 2012)."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from elman.baselines import sample
from elman.baselines.logistic import Logistic
from elman.baselines.result import Baseline, Label, check_lengths, classes, of_labels
from elman.baselines.text_features import NgramVectors
from elman.data.arguments import listed

STRENGTH = 0.3  # best or nearly so from 700 to 14,000 texts, with 2 to 18 classes
_MOST_TEXTS = 100_000
_MOST_WORK = 8e7  # characters times classes
_MOST_WEIGHTS = 5_000_000
_FEWEST_CLASSES = 8  # below which the time is that of the features
_FEWEST_TEXTS = 10  # of each class on average


class Fitted(NamedTuple):
    """A linear model of n-gram vectors, and of how many texts it was made."""

    vectors: NgramVectors
    model: Logistic
    texts: int


def fit_ngrams(
    texts: Sequence[str], labels: Sequence[Label], count: int, *, several: bool, seed: int
) -> Fitted:
    """Vectors and model of labelled texts with `count` classes; of very many texts a sample."""
    most, columns = _most(texts, count)
    kept = sample.stratified(labels, most, seed)
    chosen, theirs = [texts[i] for i in kept], [labels[i] for i in kept]
    vectors = NgramVectors.learn(chosen, most=columns)
    model = Logistic.fit(vectors.transform(chosen), theirs, several=several, strength=STRENGTH)
    return Fitted(vectors, model, len(kept))


def _most(texts: Sequence[str], classes: int) -> tuple[int, int]:
    """Of how many texts and n-grams at most the model of so many classes is made."""
    length = sum(map(len, texts)) / max(1, len(texts))
    most = _MOST_WORK / max(1.0, length) / max(_FEWEST_CLASSES, classes)
    most = min(_MOST_TEXTS, max(int(most), _FEWEST_TEXTS * classes))
    return int(most), _MOST_WEIGHTS // max(1, classes)


def ngram_linear(
    train_texts: Sequence[str],
    train_labels: Sequence[Label],
    texts: Sequence[str],
    labels: Sequence[Label],
    *,
    several: bool = False,
    seed: int = 0,
) -> Baseline:
    """Logistic regression on TF-IDF of word 1- to 2-grams and character 2- to 5-grams.

    **Arguments:**

    - `train_texts`, `train_labels`: (N,) what to learn from. Of more than 100,000 texts, or
      80,000,000 characters times classes, a sample is used; `note` says so.
    - `texts`, `labels`: what to measure on.
    - `several`: a label is a tuple of those that an example has.

    Raises `DataError` where texts and labels do not match in number.

    >>> train = ["good film", "fine film", "bad film", "poor film"] * 5
    >>> result = ngram_linear(train, ["+", "+", "-", "-"] * 5, ["good", "poor"], ["+", "-"])
    >>> result.metrics["accuracy"]
    1.0
    """
    started = time.perf_counter()
    train_texts = listed(train_texts, "train_texts", str, "texts")
    texts = listed(texts, "texts", str, "texts")
    check_lengths(train_texts, train_labels, texts, labels)
    count = len(classes(train_labels))
    found = fit_ngrams(train_texts, train_labels, count, several=several, seed=seed)
    return of_labels(
        "n-grams, linear",
        found.model.predict(found.vectors.transform(texts)),
        labels,
        started=started,
        note=sample.note(found.texts, len(train_texts), "texts"),
    )
