"""Training windows and forecast origins of series, as tensors."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.network import Origins

BATCHES = 100  # an epoch


class Windows(NamedTuple):
    """Features (T, B, F) with the origins of forecasts and what came, (O, B, h, K)."""

    features: Tensor
    origins: Origins
    targets: Tensor


def bases(view: View) -> int:
    """How many simple rules there are."""
    return 2 + len(view.seasons)


def origin(history: History, view: View, at: int) -> tuple[np.ndarray, ...]:
    """Memory (M * K), bases (h, K, S) and ahead (h, C) of a forecast after step `at`."""
    now = history.before + at
    mean, scale = history.mean[now], history.scale[now]
    last = history.filled[now]
    memory = np.where(
        np.isfinite(past := history.filled[now + 1 - view.memory : now + 1]), past, last
    )
    steps = np.arange(view.horizon)
    rules = [
        np.broadcast_to(last, (view.horizon, len(last))),
        np.broadcast_to(mean, (view.horizon, len(mean))),
    ]
    for season in view.seasons:
        rule = history.filled[now + 1 - season + steps % season]
        rules.append(np.where(np.isfinite(rule), rule, last))
    found = (np.stack(rules, -1) - mean[:, None]) / scale[:, None]
    ahead = history.ahead[at + 1 : at + 1 + view.horizon]
    return ((memory - mean) / scale).ravel(), found, ahead


def origins_of(
    histories: Sequence[History], view: View, at: Sequence[Sequence[int]], first: Sequence[int]
) -> Origins:
    """Of each history (B) as many origins (O); `first` is each one's first step in a window."""
    parts = [
        [origin(history, view, a) for a in steps]
        for history, steps in zip(histories, at, strict=True)
    ]
    stacked = [
        torch.from_numpy(
            np.stack([np.stack([each[i] for each in row]) for row in parts], 1).astype(np.float32)
        )
        for i in range(3)
    ]
    rows = np.array([np.array(steps) - f for steps, f in zip(at, first, strict=True)]).T
    return Origins(torch.from_numpy(np.ascontiguousarray(rows)), *stacked)


def scaled_target(history: History, view: View, at: int) -> np.ndarray:
    """What came after step `at`, (h, K), in units of the level there; NaN where it is unknown."""
    now = history.before + at
    found = np.full((view.horizon, view.targets), np.nan)
    came = history.y[at + 1 : at + 1 + view.horizon]
    found[: len(came)] = came
    scaled: np.ndarray = (found - history.mean[now]) / history.scale[now]
    return scaled


class TrainingWindows:
    """Windows drawn from all series, those with more steps more often; `BATCHES` an epoch.

    A batch depends on the seed and its number alone. Series shorter than the context begin with
    steps of zeros.
    """

    def __init__(
        self,
        histories: Sequence[History],
        view: View,
        *,
        context: int,
        batch_size: int,
        origins: int,
        seed: int,
    ) -> None:
        self.view, self.context, self.batch_size, self.seed = view, context, batch_size, seed
        least = view.seasons[0]  # known steps before the first forecast
        self.histories = [each for each in histories if len(each) > least + 1]
        lengths = np.array([len(each) for each in self.histories], float)
        self.share = np.sqrt(lengths) / np.sqrt(lengths).sum()
        self.count = min(origins, max(1, context // 2))
        self.least = least

    def __len__(self) -> int:
        return BATCHES

    def epoch(self, e: int, start: int = 0) -> Iterator[Windows]:
        """The batches of an epoch from number `start` on."""
        for i in range(start, BATCHES):
            yield self._batch(np.random.default_rng([self.seed, e, i]))

    def _batch(self, draw: np.random.Generator) -> Windows:
        chosen = draw.choice(len(self.histories), self.batch_size, p=self.share)
        histories = [self.histories[i] for i in chosen]
        features = np.zeros((self.context, self.batch_size, self.view.features), np.float32)
        places, firsts = [], []
        for b, history in enumerate(histories):
            # The last step of a window is at most the last but one of the series.
            end = int(draw.integers(min(self.context, len(history) - 1), len(history)))
            first = end - self.context
            real = max(first, 0)
            features[real - first :, b] = history.features[real:end]
            low = max(real + self.least // 2, real + 1, self.least) - 1
            low = min(low, end - 1)
            steps = draw.integers(low, end, self.count)
            steps[-1] = end - 1
            places.append(np.sort(steps).tolist())
            firsts.append(first)
        origins = origins_of(histories, self.view, places, firsts)
        targets = [
            np.stack([scaled_target(history, self.view, a) for a in steps])
            for history, steps in zip(histories, places, strict=True)
        ]
        stacked = torch.from_numpy(np.stack(targets, 1).astype(np.float32))
        return Windows(torch.from_numpy(features), origins, stacked)
