"""The network that the settings ask for, its training windows, and its error on held-out steps."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from elman.cells import Cell
from elman.tasks.forecast.attention import AttentionHead
from elman.tasks.forecast.autoregressive import (
    Autoregressive,
    DistributionHead,
    negative_log_likelihood,
)
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.inference import Placed, device_of
from elman.tasks.forecast.network import Forecaster, QuantileHead
from elman.tasks.forecast.quantiles import pinball
from elman.tasks.forecast.settings import QUANTILES, ForecastSettings
from elman.tasks.forecast.smoothing import Smoothing
from elman.tasks.forecast.teacher_forcing import first_unit, taught_windows
from elman.tasks.forecast.windows import (
    Stretch,
    TrainingWindows,
    bases,
    direct_windows,
)
from elman.train.tree import move

_ORIGINS = 24  # forecasts of a training window
_ATTENDING = 6  # if each of them looks back at many steps
_AT_ONCE = 32  # series whose held-out steps are looked at side by side


def network_of(
    settings: ForecastSettings,
    cell: Cell | None,
    view: View,
    *,
    histories: Sequence[History] = (),
) -> nn.Module:
    """A network without training; `histories` give the first size of errors."""
    smoothing = None
    if view.smoothed is not None:
        smoothing = Smoothing(len(view.smoothed), view.targets, view.seasons, view.horizon)
    inputs = view.features + (view.targets if smoothing else 0)
    recurrent = settings.recurrence(cell or settings.cell, inputs)
    if settings.head == "quantiles":
        options: dict[str, Any] = {
            "targets": view.targets,
            "bases": bases(view),
            "ahead": view.ahead,
            "horizon": view.horizon,
            "quantiles": len(QUANTILES),
            "dropout": settings.output_dropout,
            "smoothed": smoothing is not None,
        }
        size, window = settings.hidden_size, view.memory if settings.attention else 1
        head: nn.Module = (
            AttentionHead(cell or settings.cell, size, window=window, **options)
            if settings.attention
            else QuantileHead(size, memory=view.memory, **options)
        )
        return Forecaster(recurrent, head, QUANTILES, smoothing=smoothing, window=window)
    unit = first_unit(histories) if histories else np.ones(view.targets, np.float32)
    next_one = DistributionHead(
        settings.head,
        settings.hidden_size,
        targets=view.targets,
        rules=bases(view),
        ahead=view.ahead,
        dropout=settings.output_dropout,
        unit=torch.from_numpy(unit),
    )
    return Autoregressive(recurrent, next_one, settings.nonnegative, settings.paths)


def windows_of(
    settings: ForecastSettings, view: View, histories: Sequence[History], seed: int
) -> TrainingWindows:
    """Training windows for that network."""
    return TrainingWindows(
        histories,
        view,
        partial(direct_windows, view=view, origins=_ATTENDING if settings.attention else _ORIGINS)
        if settings.head == "quantiles"
        else partial(taught_windows, view=view),
        context=settings.context or 2 * view.memory,
        batch_size=settings.batch_size,
        seed=seed,
    )


def held_out_loss(model: Any, placed: Placed, context: int) -> float:
    """The pinball loss of forecasts; of a network that forecasts step by step, the negative
    log-likelihood of each value from the first forecast of a history on."""
    if isinstance(model, Autoregressive):
        return _likelihood(model, placed.view, placed.histories, placed.at, context)
    return float(pinball(placed.quantiles(model), placed.actual, torch.tensor(QUANTILES)))


@torch.inference_mode()
def _likelihood(
    model: Autoregressive,
    view: View,
    histories: Sequence[History],
    at: Sequence[Sequence[int]],
    context: int,
) -> float:
    some = [(h, steps[0]) for h, steps in zip(histories, at, strict=True) if len(steps)]
    total, count = 0.0, 0
    for begin in range(0, len(some), _AT_ONCE):
        part = some[begin : begin + _AT_ONCE]
        counted = max(len(history) - 1 - first for history, first in part)
        stretches = [
            Stretch(history, len(history) - 1 - counted - context, len(history) - 1)
            for history, _ in part
        ]
        batch = taught_windows(stretches, None, view=view)
        for i, (_, first) in enumerate(part):
            batch.targets[: first - stretches[i].first, i] = np.nan
        known = int(torch.isfinite(batch.targets).sum())
        batch = move(batch, device_of(model))
        law, _ = model(batch.features, batch.next)
        total += known * float(negative_log_likelihood(law, batch))
        count += known
    return total / max(count, 1)
