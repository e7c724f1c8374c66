"""What a saved forecaster states of itself, checked as a whole before anything is made of it."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from elman.cells import Cell
from elman.data import PanelSeries
from elman.data.series.calendar import EVERY_DAY, PER_SECOND, WORKDAYS, Calendar
from elman.data.series.identity import name_of
from elman.data.series.table_kind import TableKind
from elman.data.series.zones import zone_of
from elman.errors import ModelError
from elman.tasks.forecast.adaptive import lags
from elman.tasks.forecast.history import View
from elman.tasks.forecast.settings import LONGEST, QUANTILES, ForecastSettings
from elman.tasks.settings import in_one_line

_YEARS = {"s": 10_000, "ms": 10_000, "us": 10_000, "ns": 200}  # that a calendar may reach
_DAYS = {"months": 31, "half_months": 16, "business": 4}  # that a step may have
_FAR = 2**40
Count = Annotated[int, Field(ge=0, le=10_000)]
Position = Annotated[int, Field(gt=-_FAR, lt=_FAR)]
Scalar = str | int | float | bool | None
PATTERNS = "patterns"
P = TypeVar("P", bound="_Part")


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class StoredView(_Part):
    """The fields of a `View`."""

    seasons: tuple[Annotated[int, Field(ge=1, le=7 * LONGEST)], ...] = Field(
        min_length=1, max_length=2
    )
    horizon: int = Field(ge=1, le=LONGEST)
    mean: tuple[float, ...]
    deviation: tuple[Annotated[float, Field(gt=0)], ...]
    categories: tuple[tuple[str, ...] | None, ...]
    static_scale: tuple[tuple[float, Annotated[float, Field(gt=0)]], ...]
    targets: Count
    past: Count
    future: Count
    calendar: Count
    smoothed: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        covariates, static = self.past + self.future, len(self.categories)
        if (len(self.mean), len(self.deviation), len(self.static_scale)) != (
            covariates,
            covariates,
            static,
        ):
            raise ValueError("there are as many scales as covariates and static columns")
        if len(self.seasons) == 2 and self.seasons[1] != 7 * self.seasons[0]:
            raise ValueError("the second season is a week of the first")
        return self


class StoredCalendar(_Part):
    """The fields of a `Calendar`."""

    kind: Literal["seconds", "months", "half_months", "business", "number"]
    step: int = Field(ge=1, le=10**18)
    origin: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d(T[\d:.]{1,18})?$")] | int
    at_end: bool
    unit: Literal["s", "ms", "us", "ns"] = "s"
    weekmask: str | None = Field(None, pattern=r"^[01]*1[01]*$", min_length=7, max_length=7)
    day: int = Field(0, ge=0, le=28)
    zone: str | None = Field(None, max_length=100)
    local: bool = False

    def calendar(self) -> Calendar:
        """The calendar itself; DataError or ValueError where there is none."""
        if (self.kind == "number") != isinstance(self.origin, int):
            raise ValueError("the origin is not of the calendar's kind")
        if isinstance(self.origin, int) and abs(self.origin) >= 2**62:
            raise ValueError("the origin is out of range")
        if self.zone is not None:
            zone_of(self.zone)
        weekmask = self.weekmask or (WORKDAYS if self.kind == "business" else EVERY_DAY)
        fields = self.model_dump() | {"weekmask": weekmask}
        if self.kind != "number":
            fields["origin"] = np.datetime64(self.origin, self.unit)
        return Calendar(**fields)


class StoredKind(_Part):
    """The fields of a `TableKind`."""

    library: str | None = Field(None, pattern=r"^[a-z_]{1,20}$")
    id: str | None = None
    time: str | None = None
    zone: str | None = Field(None, max_length=100)


class StoredReading(_Part):
    """How a forecaster reads series."""

    view: StoredView
    calendar: StoredCalendar


class StoredMemory(_Part):
    """What a forecaster remembers of the series that it has read."""

    has_ids: bool
    calibration: tuple[tuple[tuple[float, ...], ...], ...] | None
    since: tuple[tuple[Scalar, Position], ...]
    series: tuple[tuple[Scalar, Position, tuple[Scalar, ...]], ...] = Field(min_length=1)
    positive: bool | None = None  # of models that were saved without extremes
    table: StoredKind = StoredKind()
    phases: tuple[int, ...] | None = None


class Restored(NamedTuple):
    """What a configuration says of the series that were read."""

    has_ids: bool
    widening: NDArray[np.float64] | None
    since: dict[str, int]
    series: dict[str, PanelSeries]
    ids: dict[str, Any]
    positive: bool | None
    kind: TableKind


def reading_config(view: View, calendar: Calendar) -> dict[str, Any]:
    """How a forecaster reads series, as JSON has it."""
    origin = calendar.origin
    return {
        "view": {name: getattr(view, name) for name in View.__dataclass_fields__},
        "calendar": {name: getattr(calendar, name) for name in Calendar.__dataclass_fields__}
        | {"origin": int(origin) if calendar.kind == "number" else str(origin)},
    }


def series_config(
    kind: TableKind, series: Mapping[str, PanelSeries], ids: Mapping[str, Any]
) -> dict[str, Any]:
    """The series that were read, as JSON has them."""
    return {
        "table": {name: getattr(kind, name) for name in TableKind.__dataclass_fields__},
        "series": [
            [_saved_name(name, ids), each.start, [plain(value) for value in each.static]]
            for name, each in series.items()
        ],
        "phases": [each.phase for each in series.values()],
    }


def _saved_name(name: str, ids: Mapping[str, Any]) -> Any:
    """A name as it stands in the table, if JSON gives the same one back; else as text."""
    value = plain(ids.get(name, name))
    return value if name_of(value) == name else name


def plain(value: Any) -> Any:
    """A value of a table as JSON has it.

    >>> plain(np.datetime64("2024-01-31")), plain(np.int64(3))
    ('2024-01-31', 3)
    """
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def restored_reading(
    config: Mapping[str, Any], settings: ForecastSettings
) -> tuple[View, Calendar]:
    """How series are read; ModelError where the configuration does not say, or does not agree with
    the settings."""
    stored = _checked(StoredReading, config)
    view = View(**stored.view.model_dump())
    calendar = stored.calendar.calendar()
    _check_view(view, calendar, settings)
    return view, calendar


def restored_series(
    config: Mapping[str, Any], view: View, calendar: Calendar, settings: ForecastSettings
) -> Restored:
    """What was read; ModelError where the configuration does not say, or does not agree with how
    series are read."""
    stored = _checked(StoredMemory, config)
    rows = np.zeros((0, view.targets)), np.zeros((0, view.past)), np.zeros((0, view.future))
    phases = stored.phases or (0,) * len(stored.series)
    if len(phases) != len(stored.series):
        raise ModelError("there are as many phases as series")
    ids = {str(name_of(name)): name for name, _, _ in stored.series}
    if len(ids) < len(stored.series) or None in ids.values():
        raise ModelError("the series' names are not different")
    series = {
        name: PanelSeries(name, position, *rows, static, phase)
        for name, (_, position, static), phase in zip(ids, stored.series, phases, strict=True)
    }
    for each in series.values():
        _check_reach(calendar, each, settings.horizon)
        if len(each.static) != len(settings.static):
            raise ModelError(f"the series {each.name} has other static columns than the settings")
    widening = None if stored.calibration is None else np.array(stored.calibration, np.float64)
    expected = (len(QUANTILES) // 2, view.horizon, view.targets)
    if widening is not None and widening.shape != expected:
        raise ModelError(f"the calibration has shape {widening.shape}, not {expected}")
    since = {str(name_of(name)): position for name, position in stored.since}
    kind = TableKind(**stored.table.model_dump())
    if kind.zone is not None:
        zone_of(kind.zone)
    return Restored(stored.has_ids, widening, since, series, ids, stored.positive, kind)


def _checked(kind: type[P], config: Mapping[str, Any]) -> P:
    try:
        own = {name: config[name] for name in kind.model_fields if name in config}
        return kind.model_validate_json(json.dumps(own))
    except ValidationError as error:
        raise ModelError(in_one_line(error)) from None


def _check_view(view: View, calendar: Calendar, settings: ForecastSettings) -> None:
    kinds = ("target", "past", "future", "static")
    counts = [len(getattr(settings, kind)) for kind in kinds]
    own = [view.targets, view.past, view.future, len(view.categories)]
    for kind, count, stated in zip(kinds, counts, own, strict=True):
        if count != stated:
            raise ModelError(f"the settings name {count} columns as {kind}, the view has {stated}")
    if view.horizon != settings.horizon:
        raise ModelError(f"the horizon is {settings.horizon} and {view.horizon}")
    if settings.smoothing is not None and (view.smoothed is None) == settings.smoothing:
        raise ModelError("the view does not agree with the setting smoothing")
    now = np.array([calendar.origin])
    if view.calendar != calendar.features(now).shape[1]:
        raise ModelError("the view does not agree with the calendar")


def _check_reach(calendar: Calendar, series: PanelSeries, horizon: int) -> None:
    """ModelError where a series' times are none that anybody could mean."""
    steps = (abs(series.start) + horizon) * calendar.step
    if calendar.kind == "number":
        fits = steps + abs(calendar.origin) < 2**62 and 0 <= series.phase < calendar.step
    else:
        per_second = PER_SECOND[calendar.unit]
        days = steps * _DAYS.get(calendar.kind, 1 / 86400 / per_second)
        fits = days < _YEARS[calendar.unit] * 366 and abs(series.phase) <= 86400 * 366 * per_second
        if fits:
            first, last = (
                calendar.times(np.array([at]), series.phase)[0].astype("M8[Y]").astype(int) + 1970
                for at in (series.start, series.start + horizon)
            )
            fits = 1 <= first <= last <= 9999
    if not fits:
        raise ModelError(f"the times of the series {series.name} are out of range")


def check_tensors(
    tensors: Mapping[str, Tensor], series: int, view: View, settings: ForecastSettings, cell: Cell
) -> None:
    """ModelError where what is known of the series has not the names, types and shapes that the
    settings ask for, or is no number where one is needed."""
    patterns = tensors.get(PATTERNS)
    whole = (view.horizon, view.targets)
    if patterns is None or patterns.ndim != 3 or not len(patterns):
        raise ModelError("the patterns of forecasts are missing")
    if tuple(patterns.shape[1:]) != whole or patterns.dtype != torch.float64:
        raise ModelError(f"the patterns of forecasts have shape {tuple(patterns.shape)}")
    if not ((patterns > 0) & (patterns < 1)).all():
        raise ModelError("the patterns of forecasts are not between 0 and 1")
    needed, optional = _shapes(view, settings, cell)
    expected = {PATTERNS} | {f"{i}.{part}" for i in range(series) for part in needed}
    allowed = expected | {f"{i}.{part}" for i in range(series) for part in optional}
    if missing := sorted(expected - set(tensors)) or sorted(set(tensors) - allowed):
        raise ModelError(f"what is known of the series has {missing[0]} missing or too much")
    for name, tensor in tensors.items():
        if name == PATTERNS:
            continue
        part = name.partition(".")[2]
        dtype = torch.float32 if part == "output" or part.startswith("state") else torch.float64
        shape = (needed | optional)[part]
        own = tuple(tensor.shape)
        if len(own) != len(shape) or any(e not in (-1, o) for e, o in zip(shape, own, strict=True)):
            raise ModelError(f"{name} has shape {own}, not {shape}")
        if tensor.dtype != dtype:
            raise ModelError(f"{name} is of {tensor.dtype}, not {dtype}")
        _check_numbers(name, part, tensor)


def _check_numbers(name: str, part: str, tensor: Tensor) -> None:
    last = tensor[-1:] if part in ("filled", "mean", "scale") else tensor
    if part not in ("future", "past", "pending") and not torch.isfinite(last).all():
        raise ModelError(f"{name} holds what is no number")
    if torch.isinf(tensor).any():
        raise ModelError(f"{name} holds infinite values")
    if part == "scale" and (tensor <= 0).any():
        raise ModelError(f"{name} is not above 0")
    if part in ("off", "extremes", "level"):
        positive = {"off": tensor, "extremes": tensor[1:], "level": tensor[1:]}[part]
        if (positive < 0).any() or (part == "extremes" and (tensor[0] > 0).any()):
            raise ModelError(f"{name} has values of the wrong sign")


def _shapes(
    view: View, settings: ForecastSettings, cell: Cell
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Of what is known of a series each part's shape, -1 where any number of rows will do; those
    that are needed and those that older models lack."""
    keys, memory, size = view.targets, view.memory, settings.hidden_size
    known = dict.fromkeys(("filled", "mean", "scale"), (memory, keys))
    window = memory if settings.attention else 1
    rules = view.horizon * keys if view.smoothed is not None else 0
    layers = sum(settings.dilations) or settings.num_layers
    states: list[tuple[int, ...]] = [(layers, size)] * len(cell.state)
    if settings.attention:
        states.append((window - 1, size))
    if view.smoothed is not None:
        states.append((2 + sum(view.seasons), keys))
    needed = {
        **known,
        "off": (keys, 3 + len(view.seasons)),
        "level": (3, keys),
        "future": (-1, view.future),
        "output": (window * size + rules,),
        "log_factor": (keys, len(QUANTILES) // 2),
        "pending": (sum(lags(view.horizon)), keys, len(QUANTILES)),
        **{f"state{i}": shape for i, shape in enumerate(states)},
    }
    return needed, {"past": (-1, view.past), "extremes": (2, keys)}
