"""Classifiers of few texts by what helps them, as docs/classify.md shows them.

    ELMAN_DATA=their/folder python benchmarks/small_data.py [--seeds 3] [--variants plan] [NAME ...]

trains each variant with several seeds and prints the accuracy on texts that training has not seen:
its mean, its standard deviation and the processor's seconds of a training. `language` and the
variants after it begin with one language model, trained once on all texts of the training part,
with labels or without; its time is not counted.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from cyclopts import App

from elman.data import read_examples
from elman.tasks import Classify, Language
from elman.tasks.classify.plan import NGRAM_BUCKETS


@dataclass(frozen=True)
class Case:
    """Parts of a dataset, and the share of the first that is trained on."""

    train: str
    test: str
    validation: str | None = None
    share: float = 1.0
    settings: dict[str, Any] = field(default_factory=dict)


SNIPS = ("text_snips:train", "text_snips:validation")
CASES = {
    "sst2": Case(
        *("text_sst2:train", "text_sst2:test", "text_sst2:validation"),
        settings={"epochs": 7, "hidden_size": 64},
    ),
    "sst2-planned": Case("text_sst2:train", "text_sst2:test", "text_sst2:validation"),
    "sst2-tenth": Case("text_sst2:train", "text_sst2:test", share=0.1),
    "sst2-30th": Case("text_sst2:train", "text_sst2:test", share=1 / 30),
    "snips": Case(*SNIPS),
    "snips-tenth": Case(*SNIPS, share=0.1),
    "reviews": Case("text_sentiment_labelled/amazon", "text_sentiment_labelled/yelp"),
}
SLANTED = {"schedule": "linear", "warmup": 0.1}  # Howard & Ruder 2018
VARIANTS: dict[str, dict[str, Any]] = {
    "words": {"tokens": "words", "ngram_buckets": 0},
    "n-grams": {"tokens": "words", "ngram_buckets": NGRAM_BUCKETS},
    "plan": {},  # which may cut texts into something else
    "seeds": {"seeds": 3},
    "language": {},
    "slanted": SLANTED,
    "unfreezing": {"unfreezing": 0.3},
    "ulmfit": {**SLANTED, "unfreezing": 0.3, "layer_decay": 1 / 2.6, "lr": 2e-3},
}
BEGUN = ("language", "slanted", "unfreezing", "ulmfit")
LANGUAGE: dict[str, Any] = {
    **{"tokens": "words", "lowercase": True, "vocabulary_size": 8192},
    **{"hidden_size": 100, "embedding_size": 100, "epochs": 8},
}


def training_data(case: Case) -> tuple[list[Any], list[Any]]:
    """Texts and labels of a random share."""
    found = read_examples(case.train)
    chosen = np.random.default_rng(0).permutation(len(found))[: round(case.share * len(found))]
    labels = found.labels or []
    return [found.inputs[i] for i in chosen], [labels[i] for i in chosen]


@cache
def language_model(data: str) -> Language:
    """Of all texts of a dataset."""
    texts = list(read_examples(data).inputs)
    return Language(**LANGUAGE, baselines=False).fit(texts, progress=False)


def accuracy(case: Case, variant: str, seed: int) -> tuple[float, float]:
    """Of one training: the accuracy on the test part, and the processor's seconds."""
    texts, labels = training_data(case)
    start = language_model(case.train) if variant in BEGUN else None
    began = time.process_time()
    task = Classify(**case.settings, **VARIANTS[variant], seed=seed, baselines=False)
    task.fit((texts, labels), case.validation, start_from=start, progress=False)
    seconds = time.process_time() - began
    return task.evaluate(case.test)["accuracy"], seconds


app = App(help=__doc__)


@app.default
def main(
    *names: str, seeds: int = 3, variants: Sequence[str] = ("words", "n-grams", "plan")
) -> None:
    """Print a row for each dataset and variant."""
    print("| data | variant | accuracy | deviation | CPU seconds |\n|---|---|---|---|---|")
    for name in names or CASES:
        for variant in variants:
            runs = [accuracy(CASES[name], variant, seed) for seed in range(seeds)]
            values, seconds = zip(*runs, strict=True)
            deviation = statistics.stdev(values) if seeds > 1 else 0.0
            row = (
                f"{statistics.mean(values):.4f} | {deviation:.4f} | {statistics.mean(seconds):.0f}"
            )
            print(f"| {name} | {variant} | {row} |", flush=True)


if __name__ == "__main__":
    app()
