"""Sample paths: values drawn one after another, each read before the next is drawn."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.tasks.forecast.autoregressive import Next
from elman.tasks.forecast.bounds import NOTHING, SMALLEST, floors
from elman.tasks.forecast.distributions import LocationScale
from elman.tasks.forecast.history import View

_ROWS, _NUMBERS = 16384, 2**26  # paths that are drawn side by side, and numbers of their states


class Start(NamedTuple):
    """Where the paths of N forecasts begin.

    - `filled`, `scale`: (N, M, K) float64, the last values and sizes; `level`: (3, N, K), the sums
      of `history.Level`; `off`: (N, K, S + 1), of `History.off`; `extremes`: (N, 2, K), of
      `bounds.extremes_of`.
    - `ahead`: (N, h, C), known beforehand; `static`: (N, V).
    - `output`: (N, H) of the recurrence after the last step; `state`: (layers, N, H) each.
    """

    filled: Tensor
    scale: Tensor
    level: Tensor
    off: Tensor
    extremes: Tensor
    ahead: Tensor
    static: Tensor
    output: Tensor
    state: tuple[Tensor, ...]


@torch.inference_mode()
def sample(
    model: Any, view: View, start: Start, generators: Sequence[np.random.Generator], paths: int
) -> Tensor:
    """Values of N forecasts, (N, S, h, K) float64, with a generator for each."""
    each_has = sum(part.shape[0] * part.shape[2] for part in start.state)
    at_once = max(1, min(_ROWS, _NUMBERS // each_has) // paths)
    found = []
    for first in range(0, len(generators), at_once):
        some = slice(first, first + at_once)
        part = Start(
            start.filled[some],
            start.scale[some],
            start.level[:, some],
            start.off[some],
            start.extremes[some],
            start.ahead[some],
            start.static[some],
            start.output[some],
            tuple(each[:, some] for each in start.state),
        )
        found.append(_sample(model, view, part, generators[some], paths))
    return torch.cat(found)


def _sample(
    model: Any, view: View, start: Start, generators: Sequence[np.random.Generator], paths: int
) -> Tensor:
    device = start.output.device
    count, horizon = start.ahead.shape[:2]
    reading = Reading(view, start, paths)
    state: Any = tuple(each.repeat_interleave(paths, 1) for each in start.state)
    floor = torch.from_numpy(floors(start.extremes.numpy(), model.nonnegative)).unsqueeze(1)
    output = start.output.unsqueeze(1).expand(-1, paths, -1)
    found = []
    for k in range(horizon):
        given = Next(*(part.float().to(device) for part in reading.next()))
        law = model.head(output, given)
        drawn = law.draw(generators)
        if isinstance(law, LocationScale):
            drawn = reading.mean + reading.size * drawn
        found.append(reading.read(torch.maximum(drawn, floor)))
        if k < horizon - 1:
            features = reading.features().float().to(device)
            output, state = model.recurrent.step(features.flatten(0, 1), state)
            output = output.unflatten(0, (count, paths))
    return torch.stack(found, 2)


class Reading:
    """What is known of each path at its last step, as `history.read` knows it of a series."""

    def __init__(self, view: View, start: Start, paths: int) -> None:
        self.view, self.start, self.paths = view, start, paths
        self.values: list[Tensor] = []  # (N, S, K), those drawn
        self.sizes: list[Tensor] = []
        self.level = start.level.unsqueeze(2).expand(-1, -1, paths, -1)
        self.off = start.off.unsqueeze(1).expand(-1, paths, -1, -1)
        self.extremes = start.extremes.unsqueeze(1).expand(-1, paths, -1, -1)
        self._settle()

    def next(self) -> Next:
        """What is known of the step to come, (N, S, ...)."""
        scaled = (self._rules() - self.mean.unsqueeze(-1)) / self.size.unsqueeze(-1)
        weight = self.off[..., -1]
        error = self.off[..., :-1].amin(-1) / weight.clamp(min=1e-12) / self.size
        ahead = self._ahead(len(self.values))
        return Next(scaled, ahead, self.mean, self.size, error, weight)

    def read(self, value: Tensor) -> Tensor:
        """Go on by one step, (N, S, K)."""
        slow = self.view.slow_decay
        error = (self._rules() - value.unsqueeze(-1)).abs()
        errors = torch.cat([error, torch.ones_like(error[..., :1])], -1)
        whole = self._value(self.view.seasons[0]).isfinite().unsqueeze(-1)
        self.off = torch.where(whole, slow * self.off + (1 - slow) * errors, self.off)
        decay = self.view.decay
        new = torch.stack([value, value.abs(), torch.ones_like(value)])
        self.level = decay * self.level + (1 - decay) * new
        low, high = self.extremes.unbind(2)
        self.extremes = torch.stack([torch.minimum(low, value), torch.maximum(high, value)], 2)
        self.values.append(value)
        self._settle()
        self.sizes.append(self.size)
        return value

    def features(self) -> Tensor:
        """The network's input of the step that was read last, (N, S, F)."""
        view = self.view
        last = self._value(1)
        parts = [(last - self.mean) / self.size, torch.ones_like(last)]
        for season in view.seasons:
            lag = (self._value(season) - self.mean) / self.size
            parts.append(torch.where(lag.isfinite(), lag, 0))
        earlier = _back(self.start.scale, self.sizes, view.seasons[0] + 1)
        parts.append(torch.where(earlier > NOTHING, (self.size / earlier).log(), 0))
        parts += [self._ahead(len(self.values) - 1), self._wide(self.start.static)]
        return torch.cat(parts, -1)

    def _rules(self) -> Tensor:
        """As `rules.rules_after`, (N, S, K, rules)."""
        last = self._value(1)
        rules = [last, self.mean]
        for season in self.view.seasons:
            rule = self._value(season)
            rules.append(torch.where(rule.isfinite(), rule, last))
        return torch.stack(rules, -1)

    def _settle(self) -> None:
        total, size, weight = self.level
        some = weight.clamp(min=1e-12)
        largest = self.extremes.abs().amax(2)
        self.mean = total / some
        self.size = torch.maximum(size / some, SMALLEST * largest).clamp(min=NOTHING)

    def _value(self, back: int) -> Tensor:
        """The value so many steps before the next one, (N, S, K)."""
        return _back(self.start.filled, self.values, back).expand(-1, self.paths, -1)

    def _ahead(self, k: int) -> Tensor:
        return self._wide(self.start.ahead[:, k])

    def _wide(self, values: Tensor) -> Tensor:
        return values.unsqueeze(1).expand(-1, self.paths, -1)


def _back(past: Tensor, drawn: Sequence[Tensor], back: int) -> Tensor:
    """So many steps back from the next: among those drawn or, (N, 1, K), those before."""
    if back <= len(drawn):
        return drawn[-back]
    return past[:, past.shape[1] + len(drawn) - back].unsqueeze(1)
