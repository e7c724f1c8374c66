"""Exponential smoothing of each series, learnt together with the network: the idea of ES-RNN.

Smyl (2020), A hybrid method of exponential smoothing and recurrent neural networks for time series
forecasting.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_FIRST = (-0.5, -1.5)  # what the level's and a season's weights begin with, before the sigmoid
_FASTER = 5.0  # than other weights


class Smoothing(nn.Module):
    """A level and seasons of each series, with weights of its own.

    An error, `e = y - level - season`, moves the level by `alpha e` and the season's value of that
    step by `gamma e`; several seasons are added (Taylor 2003). `alpha` and `gamma` of a series are
    learnt as those of all and a deviation; a new series has those of all. The first season's mean
    and values are where smoothing begins. What is missing moves nothing.

    Everything is in units of the series' own running level, so that there is no other scale. The
    state is one tensor (2 + sum of seasons, B, K): steps seen, the level, and of each season the
    values of the next steps.

    **Arguments:** `count` of series, `targets` K, `seasons` in steps, the first one the shortest,
    `horizon`.
    """

    def __init__(self, count: int, targets: int, seasons: Sequence[int], horizon: int) -> None:
        super().__init__()
        self.targets, self.seasons, self.horizon = targets, tuple(seasons), horizon
        first = torch.tensor([_FIRST[0] / _FASTER, *[_FIRST[1] / _FASTER] * len(seasons)])
        self.common = nn.Parameter(first.expand(targets, -1).clone())
        self.own = nn.Parameter(torch.zeros(count + 1, targets, len(first)))

    def weights(self, number: Tensor) -> Tensor:
        """Of series by their numbers, (B,), alpha and the gammas, (1 + seasons, B, K)."""
        known = (number >= 0).view(-1, 1, 1)
        own = self.own[number.clamp(min=0)] * known
        return torch.sigmoid(_FASTER * (self.common + own)).permute(2, 0, 1)

    def split(self, features: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Features (T, B, F + 2 K + 1), as `history.read` makes them, to the recurrence's, to which
        errors are added, (T, B, F + K); forecasts, (T, B, h K), and the state."""
        keys = self.targets
        features, turn, number = features.tensor_split([-2 * keys - 1, -1], -1)
        x, known = features[..., :keys], features[..., keys : 2 * keys]
        number = number[..., 0].amax(0).long() - 1
        rules, errors, state = self(x, known, turn, number, state)
        return (
            torch.cat([features, errors.to(features)], -1),
            rules.flatten(-2).to(features),
            state.to(features),
        )

    def forward(
        self, x: Tensor, known: Tensor, turn: Tensor, number: Tensor, state: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Smooth stretches of series.

        **Arguments:**

        - `x`: (T, B, K), values in units of the level; `known`: the same, 1 where one came.
        - `turn`: (T, B, 2 K), the scale of the step before in units of this one's, 0 on steps that
          are padding, and the mean of the step before as a distance from this one's.
        - `number`: (B,) int64, the series, negative if new. `state`: what a stretch before gave.

        **Returns:** what is forecast after each step, (T, B, h, K), the errors (T, B, K), and the
        state after each of the last steps, all in units of the level there.
        """
        x, known, (ratio, moved) = x.double(), known.double(), turn.double().chunk(2, -1)
        real = (ratio > 0).double()
        # In units of where the stretch begins y = shift + size * x.
        size = torch.where(ratio > 0, 1 / ratio.clamp(min=1e-12), 1).cumprod(0)
        shift = (-moved * size * real).cumsum(0)
        y = shift + size * x
        season = self.seasons[0]
        if state is None:
            state = y.new_zeros(2 + sum(self.seasons), *y.shape[1:])
        before, level = state[0].double(), state[1].double()
        seen = before + real.cumsum(0) - real  # steps before each
        lists = [list(part) for part in torch.split(state[2:].double(), list(self.seasons))]
        begun = (seen >= season).double() * real
        opening = (1 - begun) * real  # within the first season
        # Of a first season that is not over the state holds distances from the mean so far.
        slots = torch.arange(season, device=x.device).view(-1, 1, 1)
        left = ((slots >= season - before) & (before < season)).double()
        old = torch.stack(lists[0])
        total = (left * (old + level)).sum(0) + (opening * y).sum(0)
        whole = (seen[-1] + real[-1] >= season).double()
        middle = whole * total / season
        lists[0] = list(old + left * (level - middle))
        alpha, *gammas = self.weights(number).double()
        gain = begun * alpha * known + opening / (seen + 1)
        moves = [gamma * known * begun for gamma in gammas]
        kept, first = 1 - opening, opening * (y - middle)
        levels, errors = [], []
        for t in range(len(y)):
            now = [values[t] for values in lists]
            error = real[t] * (y[t] - level - begun[t] * sum(now))
            level = level + gain[t] * error
            for values, last, move in zip(lists, now, moves, strict=True):
                values.append(last + move[t] * error)
            lists[0][-1] = kept[t] * lists[0][-1] + first[t]
            levels.append(level)
            errors.append(begun[t] * error)
        smooth = torch.stack(levels)
        stacked = [torch.stack(values) for values in lists]
        seen = seen + real
        seasonal = sum(map(self._ahead, stacked, self.seasons))
        forecast = smooth.unsqueeze(2) + (seen >= season).double().unsqueeze(2) * seasonal
        forecast = (forecast - shift.unsqueeze(2)) / size.unsqueeze(2)
        steps = torch.arange(1, len(x) + 1, device=x.device).unsqueeze(1)
        end = (real[..., 0] * steps).amax(0).long()  # of each sequence, without padding after it
        return (
            forecast,
            torch.stack(errors) / size,
            self._state(end, seen, smooth, shift, size, stacked),
        )

    def _state(
        self,
        end: Tensor,
        seen: Tensor,
        smooth: Tensor,
        shift: Tensor,
        size: Tensor,
        stacked: Sequence[Tensor],
    ) -> Tensor:
        """What the next stretch needs after so many steps of each sequence, `end` (B,)."""
        column = torch.arange(len(end), device=end.device)
        at = (end - 1).clamp(min=0)
        count, level, place, unit = (part[at, column] for part in (seen, smooth, shift, size))
        new = [count.unsqueeze(0), ((level - place) / unit).unsqueeze(0)]
        for j, (values, season) in enumerate(zip(stacked, self.seasons, strict=True)):
            own = values[end + torch.arange(season, device=end.device).unsqueeze(1), column]
            if j == 0:
                own = own - (count < season).double() * level
            new.append(own / unit)
        return torch.cat(new)

    def _ahead(self, values: Tensor, season: int) -> Tensor:
        """Of a season's values, (T + season, B, K), those after each step, (T, B, h, K)."""
        steps = torch.arange(len(values) - season, device=values.device).unsqueeze(1)
        index = steps + 1 + torch.arange(self.horizon, device=values.device) % season
        return values[index].transpose(1, 2)
