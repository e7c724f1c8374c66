"""What the configuration and the history of a saved forecaster must hold."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict
from torch import Tensor

from elman.data import Panel
from elman.data.calendar import Calendar
from elman.errors import DataError, ModelError
from elman.tasks.forecast.history import View
from elman.tasks.forecast.settings import QUANTILES, ForecastSettings
from elman.tasks.schema import SavedConfig

Finite = Annotated[float, Field(allow_inf_nan=False)]
Position = Annotated[int, Strict(), Field(ge=-(2**53), le=2**53)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]


class ViewConfig(BaseModel):
    """The fields of `View`."""

    model_config = ConfigDict(strict=True, extra="allow")

    seasons: list[Annotated[int, Field(ge=1, le=10**7)]] = Field(min_length=1, max_length=10)
    horizon: int = Field(ge=1, le=10**6)
    mean: list[Finite]
    deviation: list[Positive]
    categories: list[list[str] | None]
    static_scale: list[Annotated[list[Finite], Field(min_length=2, max_length=2)]]
    targets: int = Field(ge=1, le=10**5)
    past: int = Field(ge=0, le=10**5)
    future: int = Field(ge=0, le=10**5)
    calendar: int = Field(ge=0, le=100)
    smoothed: list[str] | None = None


class ForecastConfig(SavedConfig):
    """How series are looked at, and how intervals are calibrated."""

    view: ViewConfig
    series: list[Annotated[tuple[Any, Position, list[Any]], Strict(False)]]
    since: list[Annotated[tuple[Any, Position], Strict(False)]]
    calibration: list[list[list[Finite]]] | None

    def check(self, settings: ForecastSettings) -> None:
        """Raise ModelError where the configuration is at odds with the settings."""
        view, columns = self.view, settings.columns
        expected = {
            "horizon": (view.horizon, settings.horizon),
            "targets": (view.targets, len(columns.target)),
            "past": (view.past, len(columns.past)),
            "future": (view.future, len(columns.future)),
            "length of mean": (len(view.mean), view.past + view.future),
            "length of deviation": (len(view.deviation), view.past + view.future),
            "length of categories": (len(view.categories), len(columns.static)),
            "length of static_scale": (len(view.static_scale), len(columns.static)),
            "smoothing": (view.smoothed is not None, settings.smoothing),
        }
        for name, (found, wanted) in expected.items():
            if found != wanted:
                raise ModelError(f"view: {name} is {found} where the settings have {wanted}")
        if any(len(static) != len(columns.static) for _, _, static in self.series):
            raise ModelError(f"series: {len(columns.static)} static values are needed of each")
        shape = [len(QUANTILES) // 2, view.horizon, view.targets]
        for pair in self.calibration or ():
            if len(pair) != shape[1] or any(len(each) != shape[2] for each in pair):
                raise ModelError(f"calibration is not of the shape {shape}")
        if self.calibration is not None and len(self.calibration) != shape[0]:
            raise ModelError(f"calibration is not of the shape {shape}")


def check_known(panel: Panel, view: View) -> None:
    """Raise DataError for series and categories that a trained forecaster has nothing of."""
    for series in panel.series:
        if view.smoothed is not None and str(series.name) not in view.smoothed:
            raise DataError(
                f"start_from: the saved model has learnt no smoothing of the series {series.name}"
            )
        for column, value, names in zip(
            panel.columns.static, series.static, view.categories, strict=True
        ):
            if names is not None and str(value) not in names:
                raise DataError(
                    f"start_from: {column} of the series {series.name} is {value!r:.80}, which the"
                    f" saved model does not know; it knows {', '.join(names[:20])}"
                )


def check_calendar(calendar: Calendar, view: View) -> None:
    """Raise ModelError where a calendar does not give as many features as the view takes."""
    size = calendar.features(calendar.times(np.arange(2))).shape[1]
    if size != view.calendar:
        raise ModelError(f"calendar gives {size} features where view has {view.calendar}")


def check_history(tensors: Mapping[str, Tensor], view: View, series: int) -> None:
    """Raise ModelError where what is known of the series is not of the view's sizes."""
    memory, keys = view.memory, view.targets
    wanted: dict[str, tuple[int | None, ...]] = {
        "filled": (memory, keys),
        "mean": (memory, keys),
        "scale": (memory, keys),
        "off": (keys, None),
        "level": (3, keys),
        "future": (None, view.future),
    }
    first = {name.partition(".")[2]: each for name, each in tensors.items() if name[:2] == "0."}
    for name, tensor in first.items():
        if name not in wanted:  # the same of every series
            wanted[name] = tuple(tensor.shape)
    if len(tensors) != series * len(first):
        raise ModelError(f"the history does not hold {len(first)} parts of each of {series} series")
    for i in range(series):
        for name, shape in wanted.items():
            if f"{i}.{name}" not in tensors:
                raise ModelError(f"the history lacks {i}.{name}")
            tensor = tensors[f"{i}.{name}"]
            sizes = tuple(tensor.shape)
            fits = len(sizes) == len(shape) and all(
                want in (None, size) for size, want in zip(sizes, shape, strict=True)
            )
            if not fits or tensor.dtype != first[name].dtype or not tensor.is_floating_point():
                raise ModelError(f"the history's {i}.{name} is {tensor.dtype} {sizes}")
