"""A linear model of statistics over a sequence's steps, to stand beside a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines.logistic import Logistic
from elman.baselines.result import Label
from elman.baselines.summary_linear import fit_summary, standardised
from elman.errors import ModelError
from elman.tensor_files import misfits, read_tensors, write_tensors

SUMMARY = "summary.safetensors"
_NAMES = ("mean", "scale", "weight", "bias")
Features = Sequence[NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class SummaryModel:
    """Scores of the classes from statistics of features (T, F), see `baselines.summary_linear`.

    `mean`, `scale` (D,), D = 12 F + 1, standardise the statistics; `weight` (D, classes), `bias`
    (classes,).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: Tensor
    bias: Tensor

    @classmethod
    def learn(
        cls,
        sequences: Features,
        labels: Sequence[Label],
        classes: Sequence[str],
        *,
        several: bool,
        seed: int,
    ) -> Self:
        """From labelled sequences; of very many a sample. Classes without one are unlikely."""
        found = fit_summary(sequences, labels, len(classes), several=several, seed=seed)
        weight, bias = found.model.of_classes(classes, found.sequences)
        return cls(found.mean, found.scale, weight, bias)

    def statistics(self, sequences: Features) -> Tensor:
        """The standardised statistics of sequences, (N, D) float32."""
        return torch.from_numpy(standardised(sequences, self.mean, self.scale))

    def scores(self, sequences: Features) -> Tensor:
        """The scores (logits) of each class, (N, classes)."""
        linear = Logistic([], False, self.weight, self.bias)
        return linear.scores(self.statistics(sequences).numpy())

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        scaling = (torch.from_numpy(self.mean), torch.from_numpy(self.scale))
        tensors = (*scaling, self.weight.contiguous(), self.bias.contiguous())
        write_tensors(path, dict(zip(_NAMES, tensors, strict=True)))

    @classmethod
    def load(cls, path: Path, classes: int, features: int) -> Self:
        """Read what `save` wrote; ModelError if it does not fit so many classes and features."""
        tensors, _ = read_tensors(path)
        if set(tensors) != set(_NAMES):
            raise ModelError(f"{path} does not hold a model of summary statistics")
        width = 12 * features + 1
        forms = {
            "mean": (torch.float64, (width,)),
            "scale": (torch.float64, (width,)),
            "weight": (torch.float32, (width, classes)),
            "bias": (torch.float32, (classes,)),
        }
        if wrong := misfits(tensors, forms):
            raise ModelError(
                f"{path}: {', '.join(wrong)} do not fit a model of {classes} classes and"
                f" {features} features"
            )
        mean, scale, weight, bias = (tensors[name] for name in _NAMES)
        return cls(mean.numpy(), scale.numpy(), weight, bias)
