"""Texts by word and character n-grams with a linear model (Wang & Manning 2012)."""

import time
from collections.abc import Sequence

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


def most_texts(texts: Sequence[str], classes: int) -> tuple[int, int]:
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
    most, columns = most_texts(train_texts, count)
    kept = sample.stratified(train_labels, most, seed)
    chosen, theirs = [train_texts[i] for i in kept], [train_labels[i] for i in kept]
    vectors = NgramVectors.learn(chosen, most=columns)
    model = Logistic.fit(vectors.transform(chosen), theirs, several=several, strength=STRENGTH)
    return of_labels(
        "n-grams, linear",
        model.predict(vectors.transform(texts)),
        labels,
        started=started,
        note=sample.note(len(kept), len(train_texts), "texts"),
    )
