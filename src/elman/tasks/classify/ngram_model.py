"""A linear model of a text's n-grams beside the network, as in Wide & Deep (Cheng et al. 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from elman.baselines.logistic import Logistic
from elman.baselines.ngram_linear import fit_ngrams
from elman.baselines.result import Label
from elman.baselines.text_features import BUCKETS, NgramVectors
from elman.errors import ModelError
from elman.tensor_files import misfits, read_tensors, write_tensors

NGRAMS = "ngrams.safetensors"
_NAMES = ("buckets", "idf", "weight", "bias")


@dataclass(frozen=True, eq=False)
class NgramModel:
    """Scores of the classes from word 1- to 2-grams and character 2- to 5-grams, hashed.

    `vectors` makes TF-IDF vectors (N, D) of texts; `weight` (D, classes), `bias` (classes,).
    """

    vectors: NgramVectors
    weight: Tensor
    bias: Tensor

    @classmethod
    def learn(
        cls,
        texts: Sequence[str],
        labels: Sequence[Label],
        classes: Sequence[str],
        *,
        several: bool,
        seed: int,
    ) -> Self:
        """From labelled texts; of very many a sample. Classes without an example are unlikely."""
        vectors, found, count = fit_ngrams(texts, labels, len(classes), several=several, seed=seed)
        return cls(vectors, *found.of_classes(classes, count))

    def scores(self, texts: Sequence[str]) -> Tensor:
        """The scores (logits) of each class, (N, classes)."""
        linear = Logistic([], False, self.weight, self.bias)
        return linear.scores(self.vectors.transform(texts))

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        buckets = np.flatnonzero(self.vectors.columns >= 0)
        values = (torch.from_numpy(buckets), torch.from_numpy(self.vectors.idf))
        tensors = (*values, self.weight.contiguous(), self.bias.contiguous())
        write_tensors(path, dict(zip(_NAMES, tensors, strict=True)))

    @classmethod
    def load(cls, path: Path, classes: int) -> Self:
        """Read what `save` wrote; ModelError if it does not fit so many classes."""
        tensors, _ = read_tensors(path)
        if set(tensors) != set(_NAMES):
            raise ModelError(f"{path} does not hold a model of n-grams")
        buckets, idf, weight, bias = (tensors[name] for name in _NAMES)
        width = len(buckets)
        forms = {
            "buckets": (torch.int64, (width,)),
            "idf": (torch.float32, (width,)),
            "weight": (torch.float32, (width, classes)),
            "bias": (torch.float32, (classes,)),
        }
        wrong = misfits(tensors, forms)
        if not wrong and width and not 0 <= int(buckets.min()) <= int(buckets.max()) < 2 * BUCKETS:
            wrong = ["buckets"]
        if wrong:
            raise ModelError(f"{path}: {', '.join(wrong)} do not fit a model of {classes} classes")
        columns = np.full(2 * BUCKETS, -1)
        columns[buckets.numpy()] = np.arange(width)
        return cls(NgramVectors(columns, idf.numpy()), weight, bias)
