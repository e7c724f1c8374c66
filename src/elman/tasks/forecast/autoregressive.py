"""Forecasts step by step: a distribution of the next value, as in DeepAR.

Salinas, Flunkert, Gasthaus & Januschowski (2020), DeepAR, arXiv:1704.04110.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.batching import share
from elman.nn import LockedDropout
from elman.tasks.forecast.distributions import Law, LocationScale, NegativeBinomial
from elman.tasks.forecast.network import read_by

_LOCAL = 32  # size of what reads a step
_ONE = 0.5413  # whose softplus is 1
_DOUBT = 0.05  # weight at which the usual error of a series counts half
_LEAST = 1e-6  # of a level of counts
_FAR = 10.0  # usual errors beyond which a rule is not told apart


class Next(NamedTuple):
    """What is known of the step to come, at each step (...).

    - `rules`: (..., K, S), what simple rules say, in units of the level.
    - `ahead`: (..., C), what is known beforehand.
    - `mean`, `scale`: (..., K), the level.
    - `error`, `weight`: (..., K), how far off the best rule usually was, in units of the level,
      and how much that says, from 0 to 1.
    """

    rules: Tensor
    ahead: Tensor
    mean: Tensor
    scale: Tensor
    error: Tensor
    weight: Tensor


class Taught(NamedTuple):
    """A batch for teacher forcing: features (T, B, F), what is known of each next step, and the
    values that came, (T, B, K), in units of the level, NaN where they do not count."""

    features: Tensor
    next: Next
    targets: Tensor

    def shard(self, number: int, count: int) -> "Taught | None":
        """Shard `number` of `count`; None if empty."""
        part = share(self.features.shape[1], number, count)
        if part is None:
            return None
        known = Next(*(each[:, part] for each in self.next))
        return Taught(self.features[:, part], known, self.targets[:, part])


class DistributionHead(nn.Module):
    """The distribution of the next value from the recurrence's output.

    As in the quantile head a mixture of simple rules is corrected. Corrections and spreads are
    measured in the usual error of the series' best rule so far; `unit`, (K,), is what that is taken
    to be, in units of the level, as long as little is known. `kind` is "normal", "student_t" or
    "negative_binomial".
    """

    unit: Tensor

    def __init__(
        self,
        kind: str,
        size: int,
        *,
        targets: int,
        rules: int,
        ahead: int,
        dropout: float,
        unit: Tensor,
    ) -> None:
        super().__init__()
        self.kind, self.targets, self.rules = kind, targets, rules
        self.dropout = LockedDropout(dropout)
        self.register_buffer("unit", unit)
        width = size + targets * (rules + 1) + ahead
        self.local = nn.Linear(width, _LOCAL)
        self.mixture = nn.Linear(size + _LOCAL, targets * rules)
        self.shape = nn.Linear(size + _LOCAL, targets * 3)
        coupled = targets > 1 and kind != "negative_binomial"
        self.coupling = nn.Linear(size, targets * targets) if coupled else None
        with torch.no_grad():
            for layer in (self.mixture, self.shape, self.coupling):
                if layer is not None:
                    layer.weight.zero_()
                    layer.bias.zero_()
            self.mixture.bias.view(targets, rules)[..., -1] = 1.0

    def forward(self, output: Tensor, given: Next) -> Law:
        """Outputs of the recurrence, (..., H), to the distribution of the next value.

        Location and spread are in units of the level; counts are in those of the data.
        """
        output = self.dropout(output)
        share = given.weight / (given.weight + _DOUBT)
        unit = share * given.error + (1 - share) * self.unit
        scaled = (given.rules / unit.unsqueeze(-1)).clamp(-_FAR, _FAR).flatten(-2)
        local = torch.cat([output, scaled, unit.log(), given.ahead], -1)
        z = torch.cat([output, F.gelu(self.local(local))], -1)
        weights = self.mixture(z).unflatten(-1, (self.targets, self.rules)).softmax(-1)
        rule = (weights * given.rules).sum(-1)
        moved, spread, third = self.shape(z).unflatten(-1, (self.targets, 3)).unbind(-1)
        if self.kind == "negative_binomial":
            scale = given.scale.clamp(min=_LEAST)
            level = (given.mean / scale + rule).clamp(min=0)
            mean = scale * (level * moved.clamp(-5, 5).exp() + F.softplus(third - 4))
            return NegativeBinomial(mean, F.softplus(spread - 2) + 1e-4)
        coupling = None
        if self.coupling is not None:
            coupling = self.coupling(output).unflatten(-1, (self.targets, self.targets))
        return LocationScale(
            rule + unit * moved,
            unit * (F.softplus(spread + _ONE) + 1e-3) + 1e-9,
            2 + F.softplus(third + 5) if self.kind == "student_t" else None,
            coupling,
        )


class Autoregressive(nn.Module):
    """A recurrence over the features of each step, and a distribution of the value after it.

    `nonnegative` says of which series no value is drawn below 0, see `bounds.floors`; `paths` how
    many are drawn for a forecast.
    """

    def __init__(
        self, recurrent: nn.Module, head: DistributionHead, nonnegative: bool | None, paths: int
    ) -> None:
        super().__init__()
        self.recurrent, self.head, self.paths = recurrent, head, paths
        self.nonnegative = nonnegative

    def forward(self, features: Tensor, given: Next, state: Any = None) -> tuple[Law, Any]:
        """Features (T, B, F) to distributions (T, B, K) and the state after the last step."""
        output, state = self.recurrent(features, state)
        return self.head(output, given), state

    def read(
        self, features: Tensor, state: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features (T, B, F) to outputs (T, B, H) and the states after the last steps."""
        return read_by(self.recurrent, features, state, lengths)

    def pick(self, output: Tensor, at: Tensor, column: Tensor) -> Tensor:
        """What the head needs after steps `at` of sequences `column`, (n,) each: (n, H)."""
        return output[at, column]

    def loss(self, batch: Taught) -> Tensor:
        """The mean negative log-likelihood of the values that are known."""
        law, _ = self(batch.features, batch.next)
        return negative_log_likelihood(law, batch)


def log_likelihood(law: Law, batch: Taught) -> Tensor:
    """Of each value in units of the level, (T, B, K); of counts, of the counts. 0 where a value is
    not known."""
    targets, given = batch.targets, batch.next
    if isinstance(law, NegativeBinomial):
        targets = (given.mean + given.scale * targets).round()
    return law.log_prob(targets)


def negative_log_likelihood(law: Law, batch: Taught) -> Tensor:
    """A mean over the known values; see `log_likelihood`."""
    targets = batch.targets
    return -log_likelihood(law, batch).sum() / torch.isfinite(targets).sum().clamp(min=1)
