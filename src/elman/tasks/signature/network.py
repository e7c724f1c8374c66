"""The network of `Signature`: a linear part and recurrent layers over time-aligned deviations."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout, Recurrent


class Compared(NamedTuple):
    """Signatures beside their references.

    - `sequences`: (T, N, D) deviations along the time axis of one reference each.
    - `owner`: (N,) int64, the number of the signature that each belongs to.
    - `statistics`: (B, S) of each signature.
    - `targets`: (B,) 1 for genuine, else 0.
    - `weights`: (B,) in the loss.
    """

    sequences: Tensor
    owner: Tensor
    statistics: Tensor
    targets: Tensor
    weights: Tensor


class SignatureNetwork(nn.Module):
    """The score (logit) that a signature is genuine.

    The sum of a linear function of statistics, found by logistic regression and kept, and of what
    recurrent layers add to it: they read the deviations from one reference after another, and
    their outputs are pooled over time and over the references.
    """

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor
    temperature: Tensor

    def __init__(
        self,
        size: int,
        recurrent: Recurrent,
        width: int,
        statistics: int,
        *,
        input_dropout: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.dropout = LockedDropout(input_dropout)
        self.encoder = nn.Linear(size, width)
        self.recurrent = recurrent
        self.output_dropout = nn.Dropout(dropout)
        self.head = nn.Linear(recurrent.output_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        for name, value in (("mean", 0.0), ("deviation", 1.0), ("weight", 0.0)):
            self.register_buffer(name, torch.full((statistics,), value))
        self.register_buffer("bias", torch.zeros(()))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, batch: Compared) -> Tensor:
        """The scores of a batch, (B,); without training over `temperature`."""
        linear = ((batch.statistics - self.mean) / self.deviation) @ self.weight + self.bias
        hidden = torch.tanh(self.encoder(self.dropout(batch.sequences)))
        output, _ = self.recurrent(hidden)
        pooled = self.head(self.output_dropout(output.mean(0)))[:, 0]
        total = torch.zeros_like(linear).index_add(0, batch.owner, pooled)
        count = torch.bincount(batch.owner, minlength=len(linear))
        scores: Tensor = linear + total / count
        return scores if self.training else scores / self.temperature


def loss_of(scores: Tensor, batch: Compared) -> Tensor:
    """The weighted mean of the cross entropy."""
    found = F.binary_cross_entropy_with_logits(scores, batch.targets, reduction="none")
    return (found * batch.weights).sum() / batch.weights.sum()
