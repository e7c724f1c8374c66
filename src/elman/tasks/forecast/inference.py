"""Run the network over series: to where they end, or for forecasts from many of their steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Columns, Panel, PanelSeries
from elman.data.series.calendar import Calendar
from elman.tasks.forecast.adaptive import Track, begin, follow
from elman.tasks.forecast.autoregressive import Autoregressive
from elman.tasks.forecast.conformal import Intervals
from elman.tasks.forecast.history import History, View, ahead_of, check_follows, read
from elman.tasks.forecast.network import Origins
from elman.tasks.forecast.sampled import paths_at_end, quantiles_of, sampled_forecasts
from elman.tasks.forecast.series_state import Known, coming
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.forecast.windows import origins_in, origins_of, scaled_targets
from elman.train.inference import inference

Array = NDArray[np.float64]
_AT_ONCE = 64  # series read side by side
_FORECASTS = 1024  # made side by side
_PATHS = 100  # from which intervals learn


class Placed:
    """Forecasts after some steps of each of some histories, prepared once for any network.

    `actual` is what came, (n, h, K), in units of the level, history by history.
    """

    def __init__(
        self, histories: Sequence[History], view: View, at: Sequence[Sequence[int]]
    ) -> None:
        self.histories, self.view, self.at = histories, view, at
        self._groups = []
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
            if parts:
                given = Origins(*(torch.cat(part) for part in zip(*parts, strict=True)))
                column = np.repeat(np.arange(len(chosen)), [len(steps) for _, steps in chosen])
                self._groups.append((features, torch.from_numpy(column), given))
        targets = [
            scaled_targets(history, view, steps)
            for history, steps in zip(histories, at, strict=True)
            if len(steps)
        ]
        self.actual = torch.from_numpy(np.concatenate(targets).astype(np.float32))

    def quantiles(self, model: Any, h: int | None = None) -> Tensor:
        """Scaled quantiles by a network, (n, h, K, Q), of all steps or the first `h`."""
        found = []
        with inference(model):
            if isinstance(model, Autoregressive):
                found = [sampled_forecasts(model, self.view, self.histories, self.at, h=h)]
            else:
                for features, column, given in self._groups:
                    output, _ = run(model, features)
                    picked = model.pick(output, given.at[:, 0], column)
                    found.append(_head(model, picked.unsqueeze(1), given))
            return torch.cat(found)[:, :h]


def run(
    model: Any, features: Sequence[NDArray[np.float32]], state: Any = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Read stretches (T, F) of several series side by side: outputs (T, B, H) and the states after
    each one's last step."""
    lengths = torch.tensor([len(each) for each in features])
    size = int(lengths.max()), len(features), features[0].shape[1]
    padded = torch.zeros(size, dtype=torch.float32)
    for i, each in enumerate(features):
        padded[: len(each), i] = torch.from_numpy(each)
    device = device_of(model)
    output, last = model.read(padded.to(device), state, lengths=lengths.to(device))
    return output, last


def _head(model: Any, output: Tensor, given: Origins) -> Tensor:
    """Scaled quantiles (n, h, K, Q) after outputs (n, 1, H)."""
    found = []
    for first in range(0, len(output), _FORECASTS):
        own = slice(first, first + _FORECASTS)
        some = Origins(*(part[own].to(output.device) for part in given))
        found.append(model.head(output[own], some)[:, 0].cpu())
    return torch.cat(found)


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


@torch.inference_mode()
def read_known(
    model: Any,
    view: View,
    panel: Panel,
    known: Mapping[Any, Known] | None = None,
    intervals: Intervals | None = None,
) -> dict[Any, Known]:
    """Read series from their beginning, or on from what is known of them."""
    found: dict[Any, Known] = {}
    known = known or {}
    for each in panel.series:
        if not len(each):  # rows without a value move nothing
            found[each.name] = _extended(each, known[each.name], panel)
    for is_new in (True, False):  # a new series begins in the initial state
        some = [each for each in panel.series if len(each) and (each.name not in known) == is_new]
        for number in range(0, len(some), _AT_ONCE):
            part = some[number : number + _AT_ONCE]
            old = [] if is_new else [known[each.name] for each in part]
            found |= _read_on(model, view, panel, part, old, intervals)
    return {each.name: found[each.name] for each in panel.series}


def _read_on(
    model: Any,
    view: View,
    panel: Panel,
    some: Sequence[PanelSeries],
    old: Sequence[Known],
    intervals: Intervals | None,
) -> dict[Any, Known]:
    """Read series side by side, all of them new or all of them on from what is known."""
    if old:
        some = [_joined(*each) for each in zip(some, old, strict=True)]
    histories = [
        read(panel, each, view, old[i].tail if old else None) for i, each in enumerate(some)
    ]
    parts = zip(*(each.state for each in old), strict=True)
    state = tuple(torch.stack(part, 1).to(device_of(model)) for part in parts)
    output, last = run(model, [each.features for each in histories], state or None)
    found = {}
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
        found[series.name] = Known(
            replace(
                series, start=end, y=series.y[:0], past=series.past[len(series) :], future=rest
            ),
            history.tail(view.memory),
            model.pick(output, *one)[0].cpu(),
            tuple(part[:, i].cpu() for part in last),
            track,
        )
    return found


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


class Reached(NamedTuple):
    """Forecasts after successive steps, the first of which is `first`: calibrated quantiles
    (n, h, K, Q) in units of the data, the logarithms of their intervals' factors (n, K, P), and
    what is learnt after the last step."""

    first: int
    quantiles: Array
    log_factor: Array
    track: Track


@torch.inference_mode()
def along(
    model: Any,
    view: View,
    history: History,
    output: Tensor,
    state: tuple[Tensor, ...],
    first: int,
    track: Track,
    intervals: Intervals,
    steps: int | None = None,
) -> Iterator[Reached]:
    """Forecast after every step of a history from `first` on, given the network's outputs
    (T, 1, H) and the states before, if any, and have the intervals learn from what comes; at most
    so many `steps`. Where paths are drawn there are forecasts of some steps only, else NaN."""
    steps = len(history) if steps is None else steps
    for start in range(first, steps, _FORECASTS):
        at = np.arange(start, min(start + _FORECASTS, steps))
        if isinstance(model, Autoregressive):
            scaled = _sampled(model, view, history, at, state, intervals)
        else:
            given = origins_of([history], view, [at.tolist()], [0])
            picked = model.pick(output, given.at[:, 0]).unsqueeze(1)
            scaled = intervals.calibration.apply(_head(model, picked, given).double().numpy())
        now = history.before + at
        place, size = (v[now][:, None, :, None] for v in (history.mean, history.scale))
        quantiles = place + size * scaled
        # What is not known beforehand, though it should be, makes no forecast to learn from.
        covered = history.ahead[:, history.ahead.shape[1] - view.future :] != 0
        to_come = at[:, None] + 1 + np.arange(view.horizon)
        possible = np.logical_and.accumulate(np.all(covered, 1)[to_come], 1)
        counted = np.where(possible[..., None, None], quantiles, np.nan)
        log_factor, track = follow(track, counted, history.y[at])
        yield Reached(start, quantiles, log_factor, track)


def _sampled(
    model: Autoregressive,
    view: View,
    history: History,
    at: NDArray[np.int64],
    state: tuple[Tensor, ...],
    intervals: Intervals,
) -> Array:
    """Calibrated quantiles after every few steps of those, (n, h, K, Q)."""
    every = max(1, view.horizon // 4)
    drawn = np.flatnonzero((history.start + at) % every == 0)
    scaled = np.full((len(at), view.horizon, view.targets, len(QUANTILES)), np.nan)
    if len(drawn):
        steps = at[drawn].tolist()
        found = sampled_forecasts(model, view, [history], [steps], paths=_PATHS, state=state)
        scaled[drawn] = intervals.calibration.apply(found.double().numpy())
    return scaled


@torch.inference_mode()
def scaled_at_end(
    model: Any,
    view: View,
    known: Mapping[Any, Known],
    future: Mapping[Any, PanelSeries],
    calendar: Calendar,
    columns: Columns,
    h: int,
) -> tuple[Array, Array | None]:
    """Scaled quantiles (N, h, K, Q) after the ends of series, and of sample paths the mean,
    (N, h, K), in units of the data."""
    if isinstance(model, Autoregressive):
        histories = [
            history_at_end(each, future.get(name), view, calendar, columns, h)
            for name, each in known.items()
        ]
        values = paths_at_end(model, view, known, histories, columns, h=h, paths=model.paths)
        mean, scale = (
            np.stack([getattr(each.tail, part)[-1] for each in known.values()])[:, None, :, None]
            for part in ("mean", "scale")
        )
        return (quantiles_of(values).numpy() - mean) / scale, values.mean(1).numpy()
    given = origins_at_end(known, future, view, calendar, columns, h)
    device = device_of(model)
    output = torch.stack([each.output for each in known.values()])[None]
    scaled = model.head(output.to(device), Origins(*(part.to(device) for part in given)))
    return scaled[0, :, :h].double().cpu().numpy(), None


def origins_at_end(
    known: Mapping[Any, Known],
    future: Mapping[Any, PanelSeries],
    view: View,
    calendar: Calendar,
    columns: Columns,
    h: int,
) -> Origins:
    """What the head needs of each series (B) for one forecast (O = 1) from its end."""
    rows = [
        origins_in(history_at_end(each, future.get(name), view, calendar, columns, h), view, [-1])
        for name, each in known.items()
    ]
    parts = [np.stack(part, 1).astype(np.float32) for part in zip(*rows, strict=True)]
    at = torch.zeros(1, len(known), dtype=torch.int64)
    return Origins(at, *(torch.from_numpy(part) for part in parts))


def history_at_end(
    known: Known,
    future: PanelSeries | None,
    view: View,
    calendar: Calendar,
    columns: Columns,
    h: int,
) -> History:
    """No steps, after those of a series, and what is known beforehand of `h` steps to come."""
    tail, series = known.tail, coming(known, future, view, columns, h)
    return History(
        series.name,
        np.zeros((0, view.targets)),
        len(tail.filled),
        tail.filled,
        tail.mean,
        tail.scale,
        np.zeros((0, 0), np.float32),
        ahead_of(calendar, series, view, tail.position, max(h, view.horizon)),
        tail.level,
        tail.position,
        view,
        tail.off,
        tail.level.weight,
        tail.extremes[None],
        series.phase,
    )


def device_of(model: Any) -> torch.device:
    """Where a network's weights are."""
    device: torch.device = next(model.parameters()).device
    return device
