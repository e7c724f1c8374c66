"""Baselines on the real datasets, as docs/tasks.md shows them: python benchmarks/baselines.py."""

from collections.abc import Callable

import numpy as np

from elman.baselines import Baseline
from elman.baselines.dtw import dtw
from elman.baselines.ngram_linear import ngram_linear
from elman.baselines.summary_linear import summary_linear
from elman.data import AcousticFeatures, find_sounds, read_examples

SPOKEN = AcousticFeatures(rate=8000)


def examples(name: str) -> tuple[list[object], list[str]]:
    """Inputs and labels of a dataset's part."""
    sounds = find_sounds(name, path="path", label="label")
    if sounds is None:
        found = read_examples(name)
        return list(found.inputs), list(found.labels or ())
    found = sounds.examples(SPOKEN, separator=None)
    inputs = [SPOKEN.without_loudness(np.asarray(each)) for each in found.inputs]
    return inputs, list(found.labels or ())


def row(methods: tuple[Callable[..., Baseline], ...], train: str, test: str) -> None:
    """Print what methods reach on a dataset."""
    known, new = examples(train), examples(test)
    for method in methods:
        found = method(*known, *new)
        value, seconds = found.metrics["accuracy"], found.seconds
        print(f"{test:34} {found.name:28} {value:.4f} {seconds:5.1f} s  {found.note}", flush=True)


if __name__ == "__main__":
    row((ngram_linear,), "text_sst2:train", "text_sst2:validation")
    row((ngram_linear,), "text_sst2:train", "text_sst2:test")
    row((ngram_linear,), "text_snips:train", "text_snips:validation")
    for name in ("mv_uea_small/JapaneseVowels", "mv_uea_small/BasicMotions", "sp_fsdd"):
        row((summary_linear, dtw), f"{name}:train", f"{name}:test")
