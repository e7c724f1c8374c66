"""The network of a direct forecast: a recurrence over the history, a head for all steps to come."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout

_CONTEXT, _LOCAL = 8, 32  # sizes of a step's context and of what reads it


class Origins(NamedTuple):
    """Where forecasts begin and what their head sees, all in units of the series' level there.

    - `at`: (O, B) int64, the last known step of each forecast.
    - `memory`: (O, B, M * K), the last values.
    - `bases`: (O, B, h, K, S), what simple rules would say: the last value, the mean, and the
      same step of each last season.
    - `ahead`: (O, B, h, C), what is known beforehand of each step.
    """

    at: Tensor
    memory: Tensor
    bases: Tensor
    ahead: Tensor


class QuantileHead(nn.Module):
    """Quantiles of all steps to come, as in MQ-RNN (Wen et al. 2017, arXiv:1711.11053).

    The median is a mixture of simple rules, whose weights the network chooses, and a correction;
    other quantiles lie above and below it by positive steps, so that they cannot cross. A context
    for each step meets what is known beforehand of that step in a small network of its own.
    """

    def __init__(
        self,
        size: int,
        *,
        memory: int,
        targets: int,
        bases: int,
        ahead: int,
        horizon: int,
        quantiles: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.horizon, self.targets, self.bases, self.quantiles = horizon, targets, bases, quantiles
        self.median = quantiles // 2
        width = size + memory * targets
        self.dropout = LockedDropout(dropout)
        self.mixture = nn.Linear(width, horizon * targets * bases)
        self.correction = nn.Linear(width, horizon * targets)
        self.contexts = nn.Linear(width, horizon * _CONTEXT)
        self.local = nn.Linear(_CONTEXT + ahead, _LOCAL)
        self.spread = nn.Linear(_LOCAL, targets * quantiles)
        with torch.no_grad():
            for layer in (self.mixture, self.correction, self.spread):
                layer.weight.zero_()
                layer.bias.zero_()
            self.mixture.bias.view(horizon, targets, bases)[..., -1] = 1.0
            self.spread.bias.view(targets, quantiles).fill_(-2.0)[:, self.median] = 0.0

    def forward(self, output: Tensor, given: Origins) -> Tensor:
        """Outputs of the recurrence at the origins, (O, B, H), to (O, B, h, K, Q)."""
        z = torch.cat([self.dropout(output), given.memory], -1)
        shape = (*z.shape[:2], self.horizon, self.targets)
        weights = self.mixture(z).view(*shape, self.bases).softmax(-1)
        contexts = self.contexts(z).view(*shape[:3], _CONTEXT)
        local = F.gelu(self.local(torch.cat([contexts, given.ahead], -1)))
        parts = self.spread(local).view(*shape, self.quantiles)
        below, middle, above = parts.split([self.median, 1, self.quantiles - self.median - 1], -1)
        median = (weights * given.bases).sum(-1) + self.correction(z).view(shape)
        median = (median + middle.squeeze(-1)).unsqueeze(-1)
        down = F.softplus(below).flip(-1).cumsum(-1).flip(-1)
        return torch.cat([median - down, median, median + F.softplus(above).cumsum(-1)], -1)


class Forecaster(nn.Module):
    """A recurrence over the features of each step, and a head where forecasts begin."""

    levels: Tensor

    def __init__(self, recurrent: nn.Module, head: QuantileHead, levels: Sequence[float]) -> None:
        super().__init__()
        self.recurrent, self.head = recurrent, head
        self.register_buffer("levels", torch.tensor(levels), persistent=False)

    def forward(self, features: Tensor, given: Origins, state: Any = None) -> tuple[Tensor, Any]:
        """Features (T, B, F) to quantiles (O, B, h, K, Q) and the state after the last step."""
        output, state = self.recurrent(features, state)
        rows = given.at.unsqueeze(-1).expand(-1, -1, output.shape[-1])
        return self.head(output.gather(0, rows), given), state

    def read(
        self, features: Tensor, state: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features (T, B, F) to outputs (T, B, H) and the states after the last steps."""
        return read_by(self.recurrent, features, state, lengths)

    def pick(self, output: Tensor, at: Tensor, column: Tensor | None = None) -> Tensor:
        """What the head needs after steps `at` of sequences `column`, (n,) each: (n, H)."""
        return output[at, 0 if column is None else column]

    def loss(self, batch: Any) -> Tensor:
        """The pinball loss of a batch, a `Windows`."""
        quantiles, _ = self(batch.features, batch.origins)
        return pinball(quantiles, batch.targets, self.levels)


def read_by(
    recurrent: nn.Module, features: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run layers from a tuple of states, or from the initial ones, to such a tuple."""
    if isinstance(state, tuple) and len(state) == 1:
        state = state[0]
    output, last = recurrent(features, state, lengths=lengths)
    return output, last if isinstance(last, tuple) else (last,)


def pinball(quantiles: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """Twice the mean pinball loss where the target, (..., K), is known: at the median the
    absolute error.

    >>> float(pinball(torch.tensor([[0.0, 2.0]]), torch.tensor([1.0]), torch.tensor([0.5, 0.5])))
    1.0
    """
    known = torch.isfinite(target)
    error = torch.where(known, target, 0).unsqueeze(-1) - quantiles
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return (loss * known).sum() / known.sum().clamp(min=1)
