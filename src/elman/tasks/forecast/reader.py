"""Run the network over series: to where they end, or for forecasts from many of their steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Columns, Panel, PanelSeries
from elman.data.calendar import Calendar
from elman.errors import DataError
from elman.tasks.forecast.autoregressive import Autoregressive
from elman.tasks.forecast.history import History, View, ahead_of, read
from elman.tasks.forecast.known import Known
from elman.tasks.forecast.network import Origins
from elman.tasks.forecast.sampled import paths_at_end, quantiles_of, sampled_forecasts
from elman.tasks.forecast.windows import origin, origins_of, scaled_target

Array = NDArray[np.float64]
_AT_ONCE = 64  # series read side by side


@torch.inference_mode()
def scaled_forecasts(
    model: Any, view: View, histories: Sequence[History], at: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """Scaled quantiles (n, h, K, Q) and what came, (n, h, K), of forecasts after some steps of
    each history, history by history."""
    found, actual = [], []
    was_training = model.training
    model.eval()
    if isinstance(model, Autoregressive):
        scaled = sampled_forecasts(model, view, histories, at)
        model.train(was_training)
        return scaled
    for history, steps in zip(histories, at, strict=True):
        features = torch.from_numpy(history.features).unsqueeze(1).to(device_of(model))
        output, _ = model.recurrent(features)
        for first in range(0, len(steps), 512):
            some = steps[first : first + 512]
            given = origins_of([history], view, [some], [0])
            given = Origins(*(part.to(device_of(model)) for part in given))
            found.append(model.head(output[some], given)[:, 0].cpu())
            actual.append(np.stack([scaled_target(history, view, a) for a in some]))
    model.train(was_training)
    return torch.cat(found), torch.from_numpy(np.concatenate(actual).astype(np.float32))


@torch.inference_mode()
def read_known(
    model: Any, view: View, panel: Panel, known: Mapping[Any, Known] | None = None
) -> dict[Any, Known]:
    """Read series from their beginning, or on from what is known of them."""
    found: dict[Any, Known] = {}
    for is_new in (True, False):  # a new series begins in the initial state
        some = [each for each in panel.series if (each.name not in (known or {})) == is_new]
        for begin in range(0, len(some), _AT_ONCE):
            part = some[begin : begin + _AT_ONCE]
            old = [] if is_new else [(known or {})[each.name] for each in part]
            found |= _read_on(model, view, panel, part, old)
    return {each.name: found[each.name] for each in panel.series}


def _read_on(
    model: Any, view: View, panel: Panel, some: Sequence[PanelSeries], old: Sequence[Known]
) -> dict[Any, Known]:
    """Read series side by side, all of them new or all of them on from what is known."""
    device = device_of(model)
    if old:
        some = [_joined(*each) for each in zip(some, old, strict=True)]
    histories = [
        read(panel, each, view, old[i].tail if old else None) for i, each in enumerate(some)
    ]
    lengths = torch.tensor([len(each) for each in histories])
    features = torch.zeros(int(lengths.max()), len(some), view.features)
    for i, history in enumerate(histories):
        features[: len(history), i] = torch.from_numpy(history.features)
    parts = tuple(
        torch.stack(part, 1).to(device) for part in zip(*(each.state for each in old), strict=True)
    )
    state = parts if len(parts) > 1 else parts[0] if parts else None
    output, last = model.recurrent(features.to(device), state, lengths=lengths.to(device))
    last = last if isinstance(last, tuple) else (last,)
    found = {}
    for i, (series, history) in enumerate(zip(some, histories, strict=True)):
        end = history.start + len(history)
        rest = series.future[len(series) :]
        found[series.name] = Known(
            replace(series, start=end, y=series.y[:0], past=series.past[:0], future=rest),
            history.tail(view.memory),
            output[len(history) - 1, i].cpu(),
            tuple(part[:, i].cpu() for part in last),
        )
    return found


def _joined(series: PanelSeries, old: Known) -> PanelSeries:
    """New rows with the steps without a row before them, and what was known beforehand of all."""
    gap = series.start - old.tail.position
    if gap < 0:
        return series
    known, new = old.series.future, series.future
    future = np.full((max(gap + len(new), len(known)), new.shape[1]), np.nan)
    future[: len(known)] = known
    future[gap : gap + len(new)] = new
    y, past = (
        np.concatenate([np.full((gap, values.shape[1]), np.nan), values])
        for values in (series.y, series.past)
    )
    return replace(series, start=old.tail.position, y=y, past=past, future=future)


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
        values = paths_at_end(model, view, known, histories, h=h, paths=model.paths)
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
        origin(history_at_end(each, future.get(name), view, calendar, columns, h), view, -1)
        for name, each in known.items()
    ]
    parts = [np.stack(part)[None].astype(np.float32) for part in zip(*rows, strict=True)]
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
    tail = known.tail
    series = known.series
    if future is not None:
        offset = future.start - tail.position
        if offset > 0:
            raise DataError(
                f"the future of {series.name} begins {offset} steps after its last known one"
            )
        series = PanelSeries(
            series.name, tail.position, series.y, series.past, future.future[-offset:], ()
        )
    if view.future and len(series.future) < h:
        names = ", ".join(columns.future)
        raise DataError(
            f"{names} of {h} steps to come are needed of the series {known.series.name}, and"
            f" {len(series.future)} are known: give them as rows without"
            f" {columns.target[0]}, or as future=..."
        )
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
    )


def device_of(model: Any) -> torch.device:
    """Where a network's weights are."""
    device: torch.device = next(model.parameters()).device
    return device
