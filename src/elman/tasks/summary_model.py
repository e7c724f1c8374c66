"""A linear model of statistics over a sequence's steps, to stand beside a network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.baselines.result import Label
from elman.baselines.summary_linear import fit_summary, standardised
from elman.tasks.linear_model import LinearModel

SUMMARY = "summary.safetensors"
Features = Sequence[NDArray[np.floating]]


class SummaryModel(LinearModel):
    """Scores of the classes from statistics of features (T, F), see `baselines.summary_linear`;
    there are D = 12 F + 1 of them."""

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
        return cls.of(found, classes)

    def statistics(self, sequences: Features) -> Tensor:
        """The standardised statistics of sequences, (N, D) float32."""
        return torch.from_numpy(standardised(sequences, self.mean, self.scale))

    def scores(self, sequences: Features) -> Tensor:
        """The scores (logits) of each class, (N, classes)."""
        return self.statistics(sequences) @ self.weight + self.bias

    @classmethod
    def load(cls, path: Path, classes: int, features: int) -> Self:
        """Read what `save` wrote; ModelError if it does not fit so many classes and features."""
        return cls.read(path, classes, 12 * features + 1, "summary statistics")
