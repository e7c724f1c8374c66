"""Where the reading of each series stands, in memory and on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data import Columns, PanelSeries, read_panel, read_table
from elman.data.calendar import Calendar
from elman.tasks.forecast.adaptive import Track
from elman.tasks.forecast.history import Level, Tail, View

_PARTS = ("filled", "mean", "scale", "off")


class Known(NamedTuple):
    """Where the reading of a series stands: all that a forecast and further rows need."""

    series: PanelSeries  # its static values and its covariates to come, without rows
    tail: Tail
    output: Tensor  # (H,)
    state: tuple[Tensor, ...]  # (layers, H) each
    track: Track  # what its intervals have learnt


def to_tensors(known: Mapping[Any, Known]) -> dict[str, Tensor]:
    """All that is known as tensors by name, in the order of the series."""
    tensors: dict[str, Tensor] = {}
    for i, each in enumerate(known.values()):
        arrays = {name: getattr(each.tail, name) for name in _PARTS}
        arrays |= {"level": np.stack(each.tail.level), "future": each.series.future}
        arrays |= each.track._asdict()
        for name, values in arrays.items():
            tensors[f"{i}.{name}"] = torch.from_numpy(np.ascontiguousarray(values))
        tensors[f"{i}.output"] = each.output.contiguous()
        for s, part in enumerate(each.state):
            tensors[f"{i}.state{s}"] = part.contiguous()
    return tensors


def from_tensors(
    series: Sequence[Any], tensors: Mapping[str, Tensor], view: View
) -> dict[Any, Known]:
    """The same back; `series` holds each one's name, position and static values."""
    known = {}
    states = sum(name.startswith("0.state") for name in tensors)
    for i, (name, position, static) in enumerate(series):
        of = {part: tensors[f"{i}.{part}"].numpy() for part in _PARTS}
        rows = np.zeros((0, view.targets)), np.zeros((0, view.past))
        future = tensors[f"{i}.future"].numpy()
        known[name] = Known(
            PanelSeries(name, position, *rows, future, tuple(static)),
            Tail(position, **of, level=Level(*tensors[f"{i}.level"].numpy())),
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
    series = known.series
    made = PanelSeries(series.name, series.start, series.y, series.past, future, series.static)
    return known._replace(series=made)


def read_future(
    data: Any,
    columns: Columns,
    calendar: Calendar,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> dict[Any, PanelSeries]:
    """A table with the covariates known beforehand of steps to come, by the series' names."""
    given = dict(read_table(data, encoding=encoding, delimiter=delimiter).columns)
    count = len(next(iter(given.values())))
    for name in columns.target:
        given[name] = [0.0] * count  # only to be read
    table = read_panel(given, replace(columns, past=(), static=()), calendar=calendar)
    return {each.name: each for each in table.series}
