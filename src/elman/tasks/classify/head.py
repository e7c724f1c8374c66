"""The head of a classifier: one vector of many steps, and the scores of the classes."""

import torch
from torch import Tensor, nn

from elman.nn import LockedDropout, Pooling


class ClassifyHead(nn.Module):
    """Pool the steps and score the classes: (T, B, H) to (B, classes).

    Without training the scores are divided by `temperature`, which calibrates them. With `ngrams`
    the scores of an n-gram model may be added, times `ngram_weight`.
    """

    temperature: Tensor
    ngram_weight: Tensor

    def __init__(
        self, pooling: Pooling, classes: int, *, dropout: float = 0.0, ngrams: bool = False
    ) -> None:
        super().__init__()
        self.locked = LockedDropout(dropout)
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(pooling.output_size, classes)
        self.register_buffer("temperature", torch.ones(()))
        if ngrams:
            self.register_buffer("ngram_weight", torch.zeros(()))

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The scores (logits) of each class."""
        return self.score(self.pooling(self.locked(output), lengths))

    def with_ngrams(self, scores: Tensor, ngrams: Tensor | None) -> Tensor:
        """The network's scores and those of the n-grams, (B, classes) both."""
        if ngrams is None:
            return scores
        return scores + self.ngram_weight * ngrams.to(scores) / self.temperature

    def score(self, pooled: Tensor) -> Tensor:
        """The scores of each class from the pooled steps, (B, pooled) to (B, classes)."""
        scores: Tensor = self.linear(self.dropout(pooled))
        return scores if self.training else scores / self.temperature
