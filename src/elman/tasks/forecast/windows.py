"""Training windows and forecast origins of series, as tensors."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.batching import share
from elman.errors import DataError
from elman.tasks.forecast.bounds import known_scale
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.network import Origins

Array = NDArray[Any]
BATCHES = 100  # an epoch


class Windows(NamedTuple):
    """Features (T, B, F) with the origins of forecasts and what came, (O, B, h, K)."""

    features: Tensor
    origins: Origins
    targets: Tensor

    def shard(self, number: int, count: int) -> "Windows | None":
        """Shard `number` of `count`; None if empty."""
        part = share(self.features.shape[1], number, count)
        if part is None:
            return None
        features, targets = self.features[:, part], self.targets[:, part]
        return Windows(features, self.origins.part(part), targets)


def bases(view: View) -> int:
    """How many simple rules there are."""
    return 2 + len(view.seasons)


def origins_in(history: History, view: View, at: Sequence[int]) -> tuple[Array, ...]:
    """Memory (O, M * K), bases (O, h, K, S) and ahead (O, h, C) of forecasts after steps `at`."""
    steps = np.asarray(at)[:, None]
    now, ahead = history.before + steps, np.arange(view.horizon)
    mean, scale = history.mean[now], history.scale[now]  # (O, 1, K)
    last = history.filled[now]
    past = history.filled[now + 1 + np.arange(-view.memory, 0)]
    memory = (np.where(np.isfinite(past), past, last) - mean) / scale
    shape = (len(steps), view.horizon, view.targets)
    rules = [np.broadcast_to(last, shape), np.broadcast_to(mean, shape)]
    for season in view.seasons:
        rule = history.filled[now + 1 - season + ahead % season]
        rules.append(np.where(np.isfinite(rule), rule, last))
    found = (np.stack(rules, -1) - mean[..., None]) / scale[..., None]
    return memory.reshape(len(steps), -1), found, history.ahead[steps + 1 + ahead]


def origins_of(
    histories: Sequence[History], view: View, at: Sequence[Sequence[int]], first: Sequence[int]
) -> Origins:
    """Of each history (B) as many origins (O); `first` is each one's first step in a window."""
    found = [origins_in(each, view, steps) for each, steps in zip(histories, at, strict=True)]
    parts = [
        torch.from_numpy(np.stack(part, 1).astype(np.float32)) for part in zip(*found, strict=True)
    ]
    rows = np.stack([np.array(steps) - f for steps, f in zip(at, first, strict=True)], 1)
    return Origins(torch.from_numpy(rows), *parts)


def scaled_targets(history: History, view: View, at: Sequence[int]) -> Array:
    """What came after steps `at`, (O, h, K), in units of the level there; NaN where it is
    unknown, or nothing but zeros came before."""
    steps = np.asarray(at)[:, None]
    now, ahead = history.before + steps, steps + 1 + np.arange(view.horizon)
    came = history.y[np.minimum(ahead, len(history) - 1)]
    came = np.where(ahead[..., None] < len(history), came, np.nan)
    scaled: Array = (came - history.mean[now]) / known_scale(history.scale[now])
    return scaled


class Stretch(NamedTuple):
    """Steps `first` to `end` of a history; those before 0 are steps of zeros."""

    history: History
    first: int
    end: int

    def features(self) -> Array:
        """(T, F) float32."""
        whole = np.zeros((self.end - self.first, self.history.features.shape[1]), np.float32)
        real = max(self.first, 0)
        whole[real - self.first :] = self.history.features[real : self.end]
        return whole


def features_of(stretches: Sequence[Stretch]) -> Tensor:
    """(T, B, F)."""
    return torch.from_numpy(np.stack([each.features() for each in stretches], 1))


class TrainingWindows:
    """Windows drawn from all series, those with more steps more often; `BATCHES` an epoch.

    A batch depends on the seed and its number alone: `make` gets the stretches of as many series
    as a batch has, and a generator. Series shorter than the context begin with steps of zeros.
    """

    def __init__(
        self,
        histories: Sequence[History],
        view: View,
        make: Callable[[Sequence[Stretch], np.random.Generator], Any],
        *,
        context: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.make, self.context, self.batch_size, self.seed = make, context, batch_size, seed
        least = view.seasons[0] + view.horizon
        self.histories = [each for each in histories if len(each) > least]
        lengths = np.array([len(each) for each in self.histories], float)
        if not self.histories:
            raise DataError(f"no series is long enough: more than {least} steps are needed")
        self.share = np.sqrt(lengths) / np.sqrt(lengths).sum()

    def __len__(self) -> int:
        return BATCHES

    def epoch(self, e: int, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch from number `start` on."""
        for i in range(start, BATCHES):
            yield self._batch(np.random.default_rng([self.seed, e, i]))

    def _batch(self, draw: np.random.Generator) -> Any:
        chosen = draw.choice(len(self.histories), self.batch_size, p=self.share)
        stretches = []
        for history in (self.histories[i] for i in chosen):
            # The last step of a window is at most the last but one of the series.
            end = int(draw.integers(min(self.context, len(history) - 1), len(history)))
            stretches.append(Stretch(history, end - self.context, end))
        return self.make(stretches, draw)


def direct_windows(
    stretches: Sequence[Stretch], draw: np.random.Generator, *, view: View, origins: int
) -> Windows:
    """Stretches with forecasts of a whole horizon from some of their steps, the last among them."""
    count = min(origins, max(1, (stretches[0].end - stretches[0].first) // 2))
    least = view.seasons[0]
    places = []
    for _, first, end in stretches:
        real = max(first, 0)
        low = max(real + least // 2, real + 1, least) - 1
        low = min(low, end - 1)
        steps = draw.integers(low, end, count)
        steps[-1] = end - 1
        places.append(np.sort(steps).tolist())
    histories = [each.history for each in stretches]
    given = origins_of(histories, view, places, [each.first for each in stretches])
    targets = [
        scaled_targets(history, view, steps)
        for history, steps in zip(histories, places, strict=True)
    ]
    stacked = torch.from_numpy(np.stack(targets, 1).astype(np.float32))
    return Windows(features_of(stretches), given, stacked)
