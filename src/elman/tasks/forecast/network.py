"""The network of a direct forecast: a recurrence over the history, a head for all steps to come."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import LockedDropout
from elman.tasks.forecast.quantiles import around, pinball
from elman.tasks.forecast.smoothing import Smoothing

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

    def part(self, part: slice) -> "Origins":
        """Those of some of the series."""
        return Origins(*(each[:, part] for each in self))


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
        smoothed: bool = False,
    ) -> None:
        super().__init__()
        self.horizon, self.targets, self.quantiles = horizon, targets, quantiles
        self.smoothed, self.bases = smoothed, bases + smoothed
        width = size + memory * targets
        self.dropout = LockedDropout(dropout)
        self.mixture = nn.Linear(width, horizon * targets * self.bases)
        self.correction = nn.Linear(width, horizon * targets)
        self.contexts = nn.Linear(width, horizon * _CONTEXT)
        self.local = nn.Linear(_CONTEXT + ahead, _LOCAL)
        self.spread = nn.Linear(_LOCAL, targets * quantiles)
        with torch.no_grad():
            for layer in (self.mixture, self.correction, self.spread):
                layer.weight.zero_()
                layer.bias.zero_()
            self.mixture.bias.view(horizon, targets, self.bases)[..., -1] = 1.0
            self.spread.bias.view(targets, quantiles).fill_(-2.0)[:, quantiles // 2] = 0.0

    def forward(self, output: Tensor, given: Origins) -> Tensor:
        """Outputs of the recurrence at the origins, (O, B, H), to (O, B, h, K, Q)."""
        output, rules = with_smoothing(output, given, smoothed=self.smoothed)
        z = torch.cat([self.dropout(output), given.memory], -1)
        shape = (*z.shape[:2], self.horizon, self.targets)
        weights = self.mixture(z).view(*shape, self.bases).softmax(-1)
        contexts = self.contexts(z).view(*shape[:3], _CONTEXT)
        local = F.gelu(self.local(torch.cat([contexts, given.ahead], -1)))
        parts = self.spread(local).view(*shape, self.quantiles)
        median = (weights * rules).sum(-1) + self.correction(z).view(shape)
        return around(median, parts)


def with_smoothing(output: Tensor, given: Origins, *, smoothed: bool) -> tuple[Tensor, Tensor]:
    """Outputs (O, B, H) and rules (O, B, h, K, S); where a series is smoothed, h * K forecasts of
    that follow the outputs, another rule."""
    rules = given.bases
    if not smoothed:
        return output, rules
    output, own = output.tensor_split([output.shape[-1] - rules[0, 0, ..., 0].numel()], -1)
    return output, torch.cat([rules, own.view(*rules.shape[:-1], 1)], -1)


class Forecaster(nn.Module):
    """A recurrence over the features of each step, and a head where forecasts begin.

    **Arguments:** `levels` of the quantiles; `smoothing` of each series, if it is to be learnt;
    `window`: how many of the last outputs the head sees.
    """

    def __init__(
        self,
        recurrent: nn.Module,
        head: nn.Module,
        levels: Sequence[float],
        *,
        smoothing: Smoothing | None = None,
        window: int = 1,
    ) -> None:
        super().__init__()
        self.recurrent, self.head, self.smoothing = recurrent, head, smoothing
        self.levels, self.window = tuple(levels), window

    def forward(self, features: Tensor, given: Origins, state: Any = None) -> tuple[Tensor, Any]:
        """Features (T, B, F) to quantiles (O, B, h, K, Q) and the state after the last step."""
        output, state = self.read(features, state)
        column = torch.arange(output.shape[1], device=output.device).expand_as(given.at)
        picked = self.pick(output, given.at.flatten(), column.flatten())
        return self.head(picked.view(*given.at.shape, -1), given), state

    def read(
        self, features: Tensor, state: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features (T, B, F) to outputs, of which `pick` takes what the head needs, and the states
        after the last steps."""
        parts = list(state or ())
        own = parts.pop() if parts and self.smoothing is not None else None
        before = parts.pop() if parts and self.window > 1 else None
        if self.smoothing is not None:
            features, rules, own = self.smoothing.split(features, own)
        output, last = read_by(self.recurrent, features, tuple(parts) or None, lengths)
        if self.window > 1:
            count, batch, size = output.shape
            if before is None:
                before = output.new_zeros(self.window - 1, batch, size)
            output = torch.cat([before, output])
            end = torch.full((batch,), count, device=output.device) if lengths is None else lengths
            rows = end + torch.arange(self.window - 1, device=output.device).unsqueeze(1)
            last = (*last, output[rows, torch.arange(batch, device=output.device)])
        if self.smoothing is not None and own is not None:
            lead = rules.new_zeros(self.window - 1, *rules.shape[1:])
            output, last = torch.cat([output, torch.cat([lead, rules])], -1), (*last, own)
        return output, last

    def pick(self, output: Tensor, at: Tensor, column: Tensor | None = None) -> Tensor:
        """What the head needs after steps `at` of sequences `column`, (n,) each: (n, H)."""
        column = torch.zeros_like(at) if column is None else column
        if self.window == 1:
            return output[at, column]
        size = self.recurrent.output_size
        rows = at.unsqueeze(1) + torch.arange(self.window, device=at.device)
        seen = output[rows, column.unsqueeze(1), :size].flatten(1)
        return torch.cat([seen, output[at + self.window - 1, column, size:]], -1)

    def loss(self, batch: Any) -> Tensor:
        """The pinball loss of a batch, a `Windows`."""
        quantiles, _ = self(batch.features, batch.origins)
        levels = torch.tensor(self.levels, device=quantiles.device)
        return pinball(quantiles, batch.targets, levels)


def read_by(
    recurrent: nn.Module, features: Tensor, state: Any, lengths: Tensor | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run layers from a tuple of states, or from the initial ones, to such a tuple."""
    if isinstance(state, tuple) and len(state) == 1:
        state = state[0]
    output, last = recurrent(features, state, lengths=lengths)
    return output, last if isinstance(last, tuple) else (last,)
