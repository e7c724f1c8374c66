"""Forecasts after some steps of series whose values are known: to compare with what came."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.tasks.forecast.autoregressive import Autoregressive
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.inference import head_quantiles, run
from elman.tasks.forecast.network import Origins
from elman.tasks.forecast.sampled import sampled_forecasts
from elman.tasks.forecast.windows import origins_of, scaled_targets
from elman.train.inference import infer, inference

Array = NDArray[np.float64]
_AT_ONCE = 64  # series read side by side


class PlacedBatch(NamedTuple):
    """Stretches (T, F) of series, and of forecasts (n) which stretch each is after, what the head
    needs, and what came, (n, h, K)."""

    features: Sequence[NDArray[np.float32]]
    column: Tensor
    given: Origins
    actual: Tensor

    def quantiles(self, model: Any) -> Tensor:
        """Scaled quantiles by a network, (n, h, K, Q)."""
        output, _ = run(model, self.features)
        picked = model.pick(output, self.given.at[:, 0], self.column)
        return head_quantiles(model, picked.unsqueeze(1), self.given)

    def compared(self, model: Any) -> list[tuple[Tensor, Tensor]]:
        """Of each forecast the quantiles and what came."""
        return list(zip(self.quantiles(model), self.actual, strict=True))


class Placed:
    """Forecasts after some steps of each of some histories, prepared once for any network.

    `actual` is what came, (n, h, K), in units of the level, history by history.
    """

    def __init__(
        self, histories: Sequence[History], view: View, at: Sequence[Sequence[int]]
    ) -> None:
        self.histories, self.view, self.at = histories, view, at
        self._batches = []
        for first in range(0, len(histories), _AT_ONCE):
            chosen = [
                (history, steps)
                for history, steps in zip(
                    histories[first : first + _AT_ONCE], at[first : first + _AT_ONCE], strict=True
                )
                if len(steps)
            ]
            parts = [origins_of([history], view, [steps], [0]) for history, steps in chosen]
            # Nothing is read beyond the last step after which there is a forecast.
            features = [history.features[: max(steps) + 1] for history, steps in chosen]
            targets = [scaled_targets(history, view, steps) for history, steps in chosen]
            if parts:
                given = Origins(*(torch.cat(part) for part in zip(*parts, strict=True)))
                column = np.repeat(np.arange(len(chosen)), [len(steps) for _, steps in chosen])
                actual = torch.from_numpy(np.concatenate(targets).astype(np.float32))
                self._batches.append(PlacedBatch(features, torch.from_numpy(column), given, actual))
        self.actual = torch.cat([batch.actual for batch in self._batches])

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, e: int, start: int = 0) -> Iterator[PlacedBatch]:  # noqa: ARG002
        """Stretches of some series side by side."""
        return iter(self._batches[start:])

    def in_order(self) -> range:
        """The forecasts as they stand."""
        return range(len(self.actual))

    def quantiles(self, model: Any, h: int | None = None) -> Tensor:
        """Scaled quantiles by a network, (n, h, K, Q), of all steps or the first `h`."""
        if isinstance(model, Autoregressive):
            with inference(model):
                return sampled_forecasts(model, self.view, self.histories, self.at, h=h)[:, :h]
        found = infer(model, self, lambda model, batch: batch.quantiles(model))
        return torch.stack(found)[:, :h]


def scaled_forecasts(
    model: Any,
    view: View,
    histories: Sequence[History],
    at: Sequence[Sequence[int]],
    h: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Scaled quantiles (n, h, K, Q) and what came, (n, h, K), of forecasts after some steps of
    each history, history by history."""
    placed = Placed(histories, view, at)
    return placed.quantiles(model, h), placed.actual[:, :h]
