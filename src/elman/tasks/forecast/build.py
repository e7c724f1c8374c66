"""The network that the settings ask for, and its training windows."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from elman.cells import Cell
from elman.tasks.forecast.attention import AttentionHead
from elman.tasks.forecast.autoregressive import Autoregressive, DistributionHead
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.network import Forecaster, QuantileHead
from elman.tasks.forecast.settings import QUANTILES, ForecastSettings
from elman.tasks.forecast.smoothing import Smoothing
from elman.tasks.forecast.teacher_forcing import taught_windows
from elman.tasks.forecast.windows import TrainingWindows, bases, direct_windows

_ORIGINS = 24  # forecasts of a training window
_ATTENDING = 6  # if each of them looks back at many steps


def network_of(
    settings: ForecastSettings,
    cell: Cell | None,
    view: View,
    unit: NDArray[np.float32] | None = None,
) -> nn.Module:
    """A network without training; of a head that gives distributions `unit`, (K,), is the first
    size of errors."""
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
    unit = np.ones(view.targets, np.float32) if unit is None else unit
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


def context_of(settings: ForecastSettings, view: View) -> int:
    """Steps of a training window."""
    return settings.context or 2 * view.memory


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
        context=context_of(settings, view),
        batch_size=settings.batch_size,
        seed=seed,
    )
