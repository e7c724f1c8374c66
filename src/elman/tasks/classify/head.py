"""The head of a classifier: one vector of many steps, and the scores of the classes."""

import torch
from torch import Tensor, nn

from elman.nn import LockedDropout, Pooling


class ClassifyHead(nn.Module):
    """Pool the steps and score the classes: (T, B, H) to (B, classes).

    Without training the scores are divided by `temperature`, which calibrates them.
    """

    temperature: Tensor

    def __init__(self, pooling: Pooling, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.locked = LockedDropout(dropout)
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(pooling.output_size, classes)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The scores (logits) of each class."""
        return self.score(self.pooling(self.locked(output), lengths))

    def score(self, pooled: Tensor) -> Tensor:
        """The scores of each class from the pooled steps, (B, pooled) to (B, classes)."""
        scores: Tensor = self.linear(self.dropout(pooled))
        return scores if self.training else scores / self.temperature
