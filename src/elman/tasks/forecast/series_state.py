"""Where the reading of each series stands, in memory and on disk."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data import Columns, PanelSeries, read_panel
from elman.data.series.calendar import Calendar
from elman.errors import DataError
from elman.tasks.forecast.adaptive import Track
from elman.tasks.forecast.bounds import extremes_from
from elman.tasks.forecast.history import Level, Tail, View

_PARTS = ("filled", "mean", "scale", "off")


class Known(NamedTuple):
    """Where the reading of a series stands: all that a forecast and further rows need."""

    series: PanelSeries  # its static values and its covariates to come, without rows
    tail: Tail
    output: Tensor  # (H,)
    state: tuple[Tensor, ...]  # (layers, H) each
    track: Track  # what its intervals have learnt


def to_tensors(known: Mapping[str, Known]) -> dict[str, Tensor]:
    """All that is known as tensors by name, in the order of the series."""
    tensors: dict[str, Tensor] = {}
    for i, each in enumerate(known.values()):
        arrays = {name: getattr(each.tail, name) for name in _PARTS}
        arrays |= {"level": np.stack(each.tail.level), "future": each.series.future}
        arrays |= {"past": each.series.past, "extremes": each.tail.extremes}
        arrays |= each.track._asdict()
        for name, values in arrays.items():
            tensors[f"{i}.{name}"] = torch.from_numpy(np.ascontiguousarray(values))
        tensors[f"{i}.output"] = each.output.contiguous()
        for s, part in enumerate(each.state):
            tensors[f"{i}.state{s}"] = part.contiguous()
    return tensors


def from_tensors(
    series: Mapping[str, PanelSeries], tensors: Mapping[str, Tensor], positive: bool | None
) -> dict[str, Known]:
    """The same back; `series` as they stand, without covariates. `positive`: of models saved
    without extremes, whether no value of training was negative."""
    known = {}
    states = sum(name.startswith("0.state") for name in tensors)
    for i, (name, each) in enumerate(series.items()):
        own = {part: tensors[f"{i}.{part}"].numpy() for part in (*_PARTS, "level", "future")}
        for part in ("past", "extremes"):
            if f"{i}.{part}" in tensors:
                own[part] = tensors[f"{i}.{part}"].numpy()
        extremes = own["extremes"] if "extremes" in own else extremes_from(own, positive)
        known[name] = Known(
            replace(each, past=own.get("past", each.past), future=own["future"]),
            Tail(
                each.start,
                **{part: own[part] for part in _PARTS},
                level=Level(*own["level"]),
                extremes=extremes,
            ),
            tensors[f"{i}.output"],
            tuple(tensors[f"{i}.state{s}"] for s in range(states)),
            Track(*(tensors[f"{i}.{part}"].numpy() for part in Track._fields)),
        )
    return known


def padded(known: Known, view: View) -> Known:
    """With covariates to come, if made up, so that a forecast can be timed."""
    if len(known.series.future) or not view.future:
        return known
    future = np.zeros((view.horizon, view.future))
    return known._replace(series=replace(known.series, future=future))


def read_future(
    data: Any,
    columns: Columns,
    calendar: Calendar,
    known: Mapping[str, Known],
    encoding: str | None = None,
    delimiter: str | None = None,
) -> dict[str, PanelSeries]:
    """A table with the covariates known beforehand of steps to come, by the series' names."""
    phases = {name: each.series.phase for name, each in known.items()}
    wanted = replace(columns, target=(), past=(), static=())
    panel = read_panel(
        data, wanted, calendar=calendar, known=phases, encoding=encoding, delimiter=delimiter
    )
    if not panel.has_ids:
        return {columns.target[0]: panel.series[0]}
    return {each.name: each for each in panel.series}


def coming(
    known: Known, future: PanelSeries | None, view: View, columns: Columns, h: int
) -> PanelSeries:
    """A series as it is known, from its end on, with the covariates of `h` steps to come."""
    tail, series = known.tail, known.series
    if future is not None:
        offset = future.start - tail.position
        if offset > 0:
            raise DataError(
                f"the future of {series.name} begins {offset} steps after its last known one"
            )
        series = replace(series, future=future.future[-offset:] if offset else future.future)
    if view.future and len(series.future) < h:
        names = ", ".join(columns.future)
        raise DataError(
            f"{names} must be known for {h} steps to come of the series {series.name}, and is given"
            f" for {len(series.future)}: give the values as rows without"
            f" {', '.join(columns.target)}, or as future=..."
        )
    return series


def warn_of_holes(
    known: Mapping[str, Known],
    future: Mapping[str, PanelSeries],
    view: View,
    calendar: Calendar,
    columns: Columns,
    h: int,
) -> None:
    """A warning that names the first covariate of a step to come which is not given."""
    holes, first = 0, ""
    for name, each in known.items():
        series = coming(each, future.get(name), view, columns, h)
        missing = np.argwhere(~np.isfinite(series.future[:h]))
        if len(missing) and not holes:
            step, column = missing[0]
            time = calendar.times(np.array([each.tail.position + step]), series.phase)[0]
            first = f"{columns.future[column]} of the series {name} is not given at {time}"
        holes += len(missing)
    if holes:
        warnings.warn(
            f"{first} ({holes:,} of {h * len(known) * view.future:,} values of the steps to come):"
            " these steps are forecast like those in the past where the value was missing",
            UserWarning,
            stacklevel=4,
        )
