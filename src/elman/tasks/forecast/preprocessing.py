"""What a forecaster learns from its series before its weights: calendar, seasons and scales."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from elman.data import Panel, PanelSeries
from elman.data.series.calendar import Calendar
from elman.errors import DataError
from elman.tasks.forecast.choice import choose
from elman.tasks.forecast.dataset import SeriesData
from elman.tasks.forecast.history import History, View, read, view_of
from elman.tasks.forecast.settings import ForecastSettings
from elman.tasks.forecast.stored import reading_config, restored_reading
from elman.tasks.forecast.teacher_forcing import first_unit
from elman.tasks.storage import Saved


@dataclass(frozen=True, eq=False)
class ForecastPreprocessing:
    """From series to what the network reads.

    - `view`: seasons, horizon, and the scales of covariates.
    - `calendar`: which time each step has.
    - `unit`: while training a head that gives distributions, (K,), the usual size of an error;
      later it is among the weights.
    - `reason`: while training, why season and smoothing are as they are, where they were chosen.
    """

    view: View
    calendar: Calendar
    unit: NDArray[np.float32] | None = None
    reason: str = ""

    @classmethod
    def learn(cls, train: SeriesData, settings: ForecastSettings) -> Self:
        """From the series to train on."""
        seen = train.panel if len(train) else train.whole
        assert seen is not None
        found = choose(
            seen,
            settings.horizon,
            settings.season,
            settings.smoothing,
            can_smooth=settings.head == "quantiles",
        )
        view = view_of(seen, settings.horizon, found.season, smoothing=found.smoothing)
        return cls(view, seen.calendar, reason=found.reason)

    def fitted(self, train: SeriesData, settings: ForecastSettings) -> Self:
        """For training on those series; DataError where none of them is long enough."""
        season, horizon = self.view.seasons[0], self.view.horizon
        usable = self.trainable(train.panel)
        if not usable:
            needed = season + horizon + train.held_out + 1
            raise DataError(
                f"the longest series has {train.longest} steps: training on {horizon} steps ahead"
                f" with a season of {season} and {train.held_out} held out needs {needed}; choose a"
                " smaller horizon, season or held_out"
            )
        whole = train.whole or train.panel
        if whole.gaps:
            of = f"{sum(map(len, whole.series)):,} steps"
            text = f"{whole.gaps:,} of {of} have no row and are taken as missing"
            warnings.warn(f"{text} (the calendar has {whole.calendar})", UserWarning, stacklevel=5)
        if settings.head == "quantiles":
            return replace(self, unit=None)
        unit = first_unit([read(train.panel, each, self.view) for each in usable])
        return replace(self, unit=unit)

    def trainable(self, panel: Panel) -> list[PanelSeries]:
        """The series that are longer than a season and the horizon."""
        least = self.view.seasons[0] + self.view.horizon
        return [each for each in panel.series if len(each) > least]

    def histories(self, panel: Panel) -> list[History]:
        """What was known at each step of each series."""
        return [read(panel, each, self.view) for each in panel.series]

    def to_config(self) -> dict[str, Any]:
        """View and calendar."""
        return reading_config(self.view, self.calendar)

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """None: all is in the configuration."""
        return {}

    @classmethod
    def from_saved(cls, saved: Saved, settings: Any) -> Self:
        """From a model's folder."""
        return cls(*restored_reading(saved.config, settings))
