"""Forecasts and sample paths from where what is known of series ends."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data import PanelSeries
from elman.errors import SettingsError
from elman.tasks.forecast.adaptive import widened
from elman.tasks.forecast.asked import steps_ahead
from elman.tasks.forecast.bounds import floors
from elman.tasks.forecast.copula import paths_through
from elman.tasks.forecast.forecasts import Forecasts
from elman.tasks.forecast.inference import history_at_end, scaled_at_end
from elman.tasks.forecast.sampled import applied, generator, paths_at_end, paths_table
from elman.tasks.forecast.series_state import Known, read_future, warn_of_holes
from elman.tasks.forecast.settings import QUANTILES

if TYPE_CHECKING:
    from elman.tasks.forecast.parts import ForecastParts


class Asked(NamedTuple):
    """The series to continue from, what is given of their future, and how many steps."""

    known: Mapping[str, Known]
    ahead: Mapping[str, PanelSeries]
    h: int


def asked(task: "ForecastParts", known: Mapping[str, Known], h: Any, future: Any) -> Asked:
    """The question as it is to be answered; SettingsError and DataError where it cannot be."""
    settings = task.settings
    h = steps_ahead(h, settings.horizon, any_length=settings.head != "quantiles")
    ahead: dict[str, PanelSeries] = {}
    if future is not None:
        if not settings.future:
            raise SettingsError("future is given, and the model has no such columns")
        ahead = read_future(future, settings.columns, task.calendar, known, **settings.text_file)
    warn_of_holes(known, ahead, task.view, task.calendar, settings.columns, h)
    return Asked(known, ahead, h)


def forecasts(task: "ForecastParts", asked: Asked) -> Forecasts:
    """Quantiles of the steps to come."""
    model: Any = task.model
    view, columns = task.view, task.settings.columns
    known = asked.known.values()
    scaled, average = scaled_at_end(
        model, view, asked.known, asked.ahead, task.calendar, columns, asked.h
    )
    if task.memory.calibration is not None:
        scaled = applied(task.memory.calibration, scaled, view.horizon)
    mean = np.stack([each.tail.mean[-1] for each in known])[:, None, :, None]
    scale = np.stack([each.tail.scale[-1] for each in known])[:, None, :, None]
    log_factor = np.stack([each.track.log_factor for each in known])
    quantiles = widened(mean + scale * scaled, log_factor)
    quantiles = np.maximum(quantiles, _floor(task, asked)[:, None, :, None])
    past = tuple((_times(task, each, -view.memory, 0), each.tail.filled) for each in known)
    return Forecasts(
        tuple(asked.known),
        np.stack([_times(task, each, 0, asked.h) for each in known]),
        quantiles,
        QUANTILES,
        columns.target,
        past,
        average,
        task.calendar.zone,
    )


def paths(task: "ForecastParts", asked: Asked, *, paths: int, seed: int) -> dict[str, Any]:
    """Sample paths as columns."""
    model: Any = task.model
    view, columns, (known, ahead, h) = task.view, task.settings.columns, asked
    if task.settings.head == "quantiles":
        draws = [generator(seed, name, each.tail.position) for name, each in known.items()]
        quantiles = forecasts(task, asked).quantiles
        drawn = paths_through(quantiles, QUANTILES, task.memory.patterns, draws, paths)
    else:
        histories = [
            history_at_end(each, ahead.get(name), view, task.calendar, columns, h)
            for name, each in known.items()
        ]
        kept = {"h": h, "paths": paths, "seed": seed}
        drawn = paths_at_end(model, view, known, histories, columns, **kept).numpy()
    drawn = np.maximum(drawn, _floor(task, asked)[:, None, None])
    times = np.stack([_times(task, each, 0, h) for each in known.values()])
    return paths_table(drawn, {columns.id: tuple(known)}, {columns.time: times}, columns.target)


def _floor(task: "ForecastParts", asked: Asked) -> NDArray[np.float64]:
    """Below what the forecasts of each series cannot be, (N, K)."""
    extremes = np.stack([each.tail.extremes for each in asked.known.values()])
    return floors(extremes, task.settings.nonnegative)


def _times(task: "ForecastParts", known: Known, first: int, end: int) -> NDArray[Any]:
    """The times of some steps of a series, counted from its end."""
    return task.calendar.times(known.tail.position + np.arange(first, end), known.series.phase)
