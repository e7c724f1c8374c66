"""Read series with the network, to where they end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data import Panel, PanelSeries
from elman.tasks.forecast.adaptive import begin
from elman.tasks.forecast.conformal import Intervals
from elman.tasks.forecast.history import View, check_follows, read
from elman.tasks.forecast.inference import along, device_of, run
from elman.tasks.forecast.series_state import Known
from elman.train.inference import infer

Array = NDArray[np.float64]
_AT_ONCE = 64  # series read side by side


class ReadingBatch(NamedTuple):
    """Series to be read side by side, all of them new or all of them on from what is known."""

    panel: Panel
    series: Sequence[PanelSeries]
    known: Sequence[Known]
    view: View
    intervals: Intervals | None

    def read(self, model: Any) -> list[Known]:
        """Read to the end of each series."""
        view, intervals, old, some = self.view, self.intervals, self.known, self.series
        if old:
            some = [_joined(*each) for each in zip(some, old, strict=True)]
        histories = [
            read(self.panel, each, view, old[i].tail if old else None)
            for i, each in enumerate(some)
        ]
        parts = zip(*(each.state for each in old), strict=True)
        state = tuple(torch.stack(part, 1).to(device_of(model)) for part in parts)
        output, last = run(model, [each.features for each in histories], state or None)
        found = []
        for i, (series, history) in enumerate(zip(some, histories, strict=True)):
            track = old[i].track if old else begin(view.horizon, view.targets)
            if intervals is not None:
                first = intervals.first(history, view)
                own = output[:, i : i + 1], tuple(part[:, i : i + 1] for part in state)
                for reached in along(model, view, history, *own, first, track, intervals):
                    track = reached.track
            end = history.start + len(history)
            rest = series.future[len(series) :]
            one = torch.tensor([len(history) - 1]), torch.tensor([i])
            found.append(
                Known(
                    replace(
                        series,
                        start=end,
                        y=series.y[:0],
                        past=series.past[len(series) :],
                        future=rest,
                    ),
                    history.tail(view.memory),
                    model.pick(output, *one)[0].cpu(),
                    tuple(part[:, i].cpu() for part in last),
                    track,
                )
            )
        return found


class Readings:
    """Series of a panel to be read to their ends, from their beginning or on from what is known of
    them."""

    def __init__(
        self,
        panel: Panel,
        view: View,
        known: Mapping[str, Known],
        intervals: Intervals | None,
    ) -> None:
        self._batches: list[ReadingBatch] = []
        self._order: list[int] = []
        for is_new in (True, False):  # a new series begins in the initial state
            some = [
                i
                for i, each in enumerate(panel.series)
                if len(each) and (each.name not in known) == is_new
            ]
            self._order += some
            for number in range(0, len(some), _AT_ONCE):
                part = [panel.series[i] for i in some[number : number + _AT_ONCE]]
                old = [] if is_new else [known[each.name] for each in part]
                self._batches.append(ReadingBatch(panel, part, old, view, intervals))

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, e: int, start: int = 0) -> Iterator[ReadingBatch]:  # noqa: ARG002
        """Some series side by side."""
        return iter(self._batches[start:])

    def in_order(self) -> list[int]:
        """The series' numbers in the panel."""
        return self._order


def read_known(
    model: Any,
    view: View,
    panel: Panel,
    known: Mapping[str, Known] | None = None,
    intervals: Intervals | None = None,
) -> dict[str, Known]:
    """Read series from their beginning, or on from what is known of them."""
    known = known or {}
    with_rows = replace(panel, series=tuple(each for each in panel.series if len(each)))
    readings = Readings(with_rows, view, known, intervals)
    read_on = infer(model, readings, lambda model, batch: batch.read(model))
    found = {each.series.name: each for each in read_on}
    for each in panel.series:
        if not len(each):  # rows without a value move nothing
            found[each.name] = _extended(each, known[each.name], panel)
    return {each.name: found[each.name] for each in panel.series}


def _joined(series: PanelSeries, old: Known) -> PanelSeries:
    """New rows with the steps without a row before them, and what was known beforehand of all."""
    gap = series.start - old.tail.position
    if gap < 0:
        return series
    y = np.concatenate([np.full((gap, series.y.shape[1]), np.nan), series.y])
    past = _over(old.series.past, gap, series.past)
    future = _over(old.series.future, gap, series.future)
    return replace(series, start=old.tail.position, y=y, past=past, future=future)


def _over(known: Array, gap: int, new: Array) -> Array:
    """Rows that are known with new ones over them from row `gap` on."""
    rows = np.full((max(gap + len(new), len(known)), new.shape[1]), np.nan)
    rows[: len(known)] = known
    rows[gap : gap + len(new)] = new
    return rows


def _extended(series: PanelSeries, old: Known, panel: Panel) -> Known:
    """What is known of a series, with covariates of rows in which it has no value."""
    check_follows(series, old.tail, panel.calendar)
    joined = _joined(series, old)
    return old._replace(series=replace(joined, y=old.series.y))
