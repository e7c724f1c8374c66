"""Run the network over series: to where they end, or for forecasts from many of their steps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Columns, PanelSeries
from elman.data.series.calendar import Calendar
from elman.tasks.forecast.adaptive import Track, follow
from elman.tasks.forecast.autoregressive import Autoregressive
from elman.tasks.forecast.conformal import Intervals
from elman.tasks.forecast.history import History, View, ahead_of
from elman.tasks.forecast.network import Origins
from elman.tasks.forecast.sampled import paths_at_end, quantiles_of, sampled_forecasts
from elman.tasks.forecast.series_state import Known, coming
from elman.tasks.forecast.settings import QUANTILES
from elman.tasks.forecast.windows import origins_in, origins_of

Array = NDArray[np.float64]
_FORECASTS = 1024  # made side by side
_PATHS = 100  # from which intervals learn


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


def head_quantiles(model: Any, output: Tensor, given: Origins) -> Tensor:
    """Scaled quantiles (n, h, K, Q) after outputs (n, 1, H)."""
    found = []
    for first in range(0, len(output), _FORECASTS):
        own = slice(first, first + _FORECASTS)
        some = Origins(*(part[own].to(output.device) for part in given))
        found.append(model.head(output[own], some)[:, 0].cpu())
    return torch.cat(found)


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
            scaled = intervals.calibration.apply(
                head_quantiles(model, picked, given).double().numpy()
            )
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
