"""The steps at the end of series that training does not see: to choose weights by and to warn."""

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.tasks.forecast import baselines
from elman.tasks.forecast.autoregressive import Autoregressive, Taught, log_likelihood
from elman.tasks.forecast.bounds import known_scale
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.forecast.teacher_forcing import taught_windows
from elman.tasks.forecast.windows import Stretch

_ENOUGH = 10  # forecasts that say something
_AT_ONCE = 32  # series whose held-out steps are looked at side by side


def places(histories: Sequence[History], horizon: int, steps: int, least: int) -> list[list[int]]:
    """Where forecasts begin whose targets are held out, at most 200 a series."""
    found = []
    for history in histories:
        first = max(len(history) - steps - 1, least - 1, 0)
        last = max(len(history) - horizon - 1, first)
        count = min(last - first + 1, max(1, 2000 // len(histories)), 200)
        places = np.linspace(first, last, count).round().astype(int)
        found.append([int(p) for p in places if p < len(history) - 1])
    return found


class LikelihoodBatch(NamedTuple):
    """Stretches of series, of which the held-out values count."""

    taught: Taught

    def compared(self, model: Autoregressive) -> list[tuple[Tensor, Tensor]]:
        """Of each series the log-likelihood of its values, and how many they are."""
        law, _ = model(self.taught.features, self.taught.next)
        total = log_likelihood(law, self.taught).sum((0, 2))
        count = torch.isfinite(self.taught.targets).sum((0, 2))
        return list(zip(total, count, strict=True))


class NextValues:
    """Of each history every value after its first held-out step, by what is known before it.

    **Arguments:** `at`: the places of held-out forecasts, of which the first counts; `context`:
    steps that are read before it.
    """

    def __init__(
        self, histories: Sequence[History], view: View, at: Sequence[Sequence[int]], context: int
    ) -> None:
        self.view, self.context = view, context
        some = [(h, steps[0]) for h, steps in zip(histories, at, strict=True) if len(steps)]
        self._parts = [some[i : i + _AT_ONCE] for i in range(0, len(some), _AT_ONCE)]

    def __len__(self) -> int:
        return len(self._parts)

    def epoch(self, e: int, start: int = 0) -> Iterator[LikelihoodBatch]:  # noqa: ARG002
        """Some series side by side."""
        return map(self._batch, self._parts[start:])

    def in_order(self) -> range:
        """The series as they stand."""
        return range(sum(map(len, self._parts)))

    def _batch(self, part: Sequence[tuple[History, int]]) -> LikelihoodBatch:
        counted = max(len(history) - 1 - first for history, first in part)
        stretches = [
            Stretch(history, len(history) - 1 - counted - self.context, len(history) - 1)
            for history, _ in part
        ]
        taught = taught_windows(stretches, None, view=self.view)
        for i, (_, first) in enumerate(part):
            taught.targets[: first - stretches[i].first, i] = np.nan
        return LikelihoodBatch(taught)


def share_of_seasonal_naive(
    quantiles: Tensor, histories: Sequence[History], at: Sequence[Sequence[int]], season: int
) -> float:
    """The errors of forecasts, (n, h, K, Q), as a share of the seasonal naive rule's; a warning if
    they are larger."""
    ours, rule, row = 0.0, 0.0, 0
    medians = quantiles[..., len(QUANTILES) // 2].double().numpy()
    for history, steps in zip(histories, at, strict=True):
        for step in steps:
            now = history.before + step
            actual = history.y[step + 1 : step + 1 + medians.shape[1]]
            place, scale = history.mean[now], known_scale(history.scale[now])
            ours += float(np.nansum(np.abs(medians[row][: len(actual)] - (actual - place) / scale)))
            filled = history.filled[history.before : now + 1]
            for key in range(actual.shape[1]):
                simple = baselines.seasonal_naive(filled[:, key], len(actual), season)
                rule += float(np.nansum(np.abs(simple - actual[:, key]) / scale[key]))
            row += 1
    share = ours / rule if rule else float("nan")
    if share > 1 and row >= _ENOUGH:
        warnings.warn(
            f"on the held-out steps the errors are {share:.2f} times those of the seasonal naive"
            " rule: use that rule there instead of this model",
            UserWarning,
            stacklevel=2,
        )
    return share
