"""The network of `Signature`: a linear part and recurrent layers over time-aligned deviations."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.batching import share
from elman.nn import LockedDropout, Recurrent

_USUAL = 0.25  # references that the usual score of one counts as
_LEAST = 1.0


class Compared(NamedTuple):
    """Signatures beside their references.

    - `sequences`: (T, N, D) deviations along the time axis of one reference each.
    - `owner`: (N,) int64, the number of the signature that each belongs to.
    - `statistics`: (B, S) of each signature.
    - `targets`: (B,) 1 for genuine, else 0.
    - `weights`: (B,) in the loss.
    - `parts`: (3,) how many are signatures, then of the cohort, then references beside the others
      of their person; B, 0 and 0 while training.
    """

    sequences: Tensor
    owner: Tensor
    statistics: Tensor
    targets: Tensor
    weights: Tensor
    parts: Tensor

    def shard(self, number: int, count: int) -> "Compared | None":
        """Shard `number` of `count` of a batch for training; None if empty."""
        part = share(len(self.targets), number, count)
        if part is None:
            return None
        chosen = (self.owner >= part.start) & (self.owner < part.stop)
        return Compared(
            self.sequences[:, chosen],
            self.owner[chosen] - part.start,
            self.statistics[part],
            self.targets[part],
            self.weights[part],
            torch.tensor([part.stop - part.start, 0, 0]),
        )


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
    recurrent_weight: Tensor
    usual_own: Tensor
    scale: Tensor
    shift: Tensor

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
        for name, value in (
            *(("bias", 0.0), ("recurrent_weight", 1.0), ("usual_own", 1.0)),
            *(("scale", 1.0), ("shift", 0.0)),
        ):
            self.register_buffer(name, torch.full((), value))

    def forward(self, batch: Compared) -> Tensor:
        """The scores of a batch, (B,), as training has them: not normalised."""
        linear = ((batch.statistics - self.mean) / self.deviation) @ self.weight + self.bias
        hidden = torch.tanh(self.encoder(self.dropout(batch.sequences)))
        output, _ = self.recurrent(hidden)
        pooled = self.head(self.output_dropout(output.mean(0)))[:, 0]
        total = torch.zeros_like(linear).index_add(0, batch.owner, pooled)
        count = torch.bincount(batch.owner, minlength=len(linear))
        scores: Tensor = linear + self.recurrent_weight * total / count
        return scores

    def verify(self, batch: Compared) -> Tensor:
        """The calibrated scores of a batch's signatures, without its cohort and references."""
        signatures, cohort, own = self(batch).split(batch.parts.tolist())
        found = normalised(signatures, cohort, own, self.usual_own)
        return self.scale * found + self.shift


def normalised(signatures: Tensor, cohort: Tensor, own: Tensor, usual: Tensor) -> Tensor:
    """Scores measured by the person's own: 0 as a signature of others has, 1 as each reference has
    beside the others. `usual` is such a score of anyone's, for want of two references.

    >>> normalised(torch.tensor([2.0]), torch.tensor([0.0]), torch.tensor([4.0]), torch.tensor(9.0))
    tensor([0.4000])
    """
    low = cohort.mean()
    high = (own.sum() + _USUAL * usual) / (len(own) + _USUAL)
    return (signatures - low) / (high - low).clamp(min=_LEAST)


def loss_of(scores: Tensor, batch: Compared) -> Tensor:
    """The weighted mean of the cross entropy."""
    found = F.binary_cross_entropy_with_logits(scores, batch.targets, reduction="none")
    return (found * batch.weights).sum() / batch.weights.sum()
