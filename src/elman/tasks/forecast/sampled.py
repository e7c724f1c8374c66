"""Forecasts by sample paths: from where series end, or from some of their steps."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Columns
from elman.data.series.table_kind import as_array
from elman.nn import Dilated
from elman.nn.state import as_tuple
from elman.tasks.forecast.autoregressive import Autoregressive
from elman.tasks.forecast.conformal import Calibration
from elman.tasks.forecast.described import static_of
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.rollout import Start, sample
from elman.tasks.forecast.series_state import Known
from elman.tasks.forecast.settings import QUANTILES

Array = NDArray[np.float64]


def sampled_forecasts(
    model: Autoregressive,
    view: View,
    histories: Sequence[History],
    at: Sequence[Sequence[int]],
    *,
    h: int | None = None,
    paths: int | None = None,
    state: tuple[Tensor, ...] = (),
) -> Tensor:
    """Scaled quantiles (n, h, K, Q) of forecasts after some steps of each history, one after
    another; the `state` is that before a history which goes on."""
    found = []
    for history, steps in zip(histories, at, strict=True):
        if not len(steps):
            continue
        draws = [generator(0, history.name, history.start + step + 1) for step in steps]
        start = _from_steps(model, view, history, steps, state)
        start = start._replace(ahead=start.ahead[:, :h])
        values = sample(model, view, start, draws, paths or model.paths)
        now = history.before + np.asarray(steps)
        mean, scale = (
            torch.from_numpy(v[now])[:, None, None] for v in (history.mean, history.scale)
        )
        found.append(quantiles_of((values - mean) / scale))
    return torch.cat(found).float()


def paths_at_end(
    model: Autoregressive,
    view: View,
    known: Mapping[Any, Known],
    histories: Sequence[History],
    columns: Columns,
    *,
    h: int,
    paths: int,
    seed: int = 0,
) -> Tensor:
    """Values (N, S, h, K), float64, after the ends of series; `histories` are of
    `reader.history_at_end`. Each series has random numbers of its own, by its name and the step."""
    tails = [each.tail for each in known.values()]
    device = next(model.parameters()).device
    start = Start(
        _stacked([tail.filled for tail in tails]),
        _stacked([tail.scale for tail in tails]),
        _stacked([np.stack(tail.level) for tail in tails]).transpose(0, 1),
        _stacked([tail.off for tail in tails]),
        _stacked([tail.extremes for tail in tails]),
        _stacked([each.ahead[:h] for each in histories]),
        _stacked([static_of(columns.static, each.series, view) for each in known.values()]),
        torch.stack([each.output for each in known.values()]).to(device),
        tuple(
            torch.stack(part, 1).to(device)
            for part in zip(*(each.state for each in known.values()), strict=True)
        ),
    )
    draws = [generator(seed, name, each.tail.position) for name, each in known.items()]
    return sample(model, view, start, draws, paths)


def paths_table(
    drawn: Array,
    names: Mapping[str, Sequence[Any]],
    times: Mapping[str, NDArray[Any]],
    targets: Sequence[str],
) -> dict[str, Any]:
    """Paths (N, S, h, K) as columns, a row for each series, path and step: the series' names (if
    there is a column for them), the times (N, h), `path` and the targets."""
    count, paths, h, _ = drawn.shape
    table: dict[str, Any] = {
        name: np.repeat(as_array(values), paths * h) for name, values in names.items()
    }
    table |= {name: np.repeat(values, paths, 0).ravel() for name, values in times.items()}
    table["path"] = np.tile(np.repeat(np.arange(paths), h), count)
    return table | {target: drawn[..., k].ravel() for k, target in enumerate(targets)}


def quantiles_of(values: Tensor) -> Tensor:
    """(N, S, h, K) to (N, h, K, Q)."""
    return torch.from_numpy(np.moveaxis(np.quantile(values.numpy(), QUANTILES, 1), 0, -1))


def applied(calibration: Calibration, scaled: Array, horizon: int) -> Array:
    """Calibrated quantiles (n, h, K, Q); steps beyond the horizon are moved as its last one."""
    near = calibration.apply(scaled[:, :horizon])
    if scaled.shape[1] <= horizon:
        return near
    far = scaled[:, horizon:]
    alone = far.reshape(-1, 1, *far.shape[2:])
    moved = calibration.apply(np.repeat(alone, horizon, 1))[:, -1].reshape(far.shape)
    return np.concatenate([near, moved], 1)


def _from_steps(
    model: Autoregressive,
    view: View,
    history: History,
    steps: Sequence[int],
    state: tuple[Tensor, ...],
) -> Start:
    features = torch.from_numpy(history.features).unsqueeze(1)
    device = next(model.parameters()).device
    output, states = _after(model.recurrent, features.to(device), steps, state)
    now = [history.before + step for step in steps]
    back = view.memory
    return Start(
        _stacked([history.filled[n + 1 - back : n + 1] for n in now]),
        _stacked([history.scale[n + 1 - back : n + 1] for n in now]),
        _stacked([np.stack(history.level_at(s, view.decay)) for s in steps]).transpose(0, 1),
        _stacked([history.off[s] for s in steps]),
        _stacked([history.extremes[s + 1] for s in steps]),
        _stacked([history.ahead[s + 1 : s + 1 + view.horizon] for s in steps]),
        _stacked([history.features[0, len(history.features[0]) - view.static :]] * len(now)),
        output[:, 0],
        tuple(part[:, :, 0].transpose(0, 1) for part in states),
    )


def _after(
    recurrent: Any, features: Tensor, steps: Sequence[int], state: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Outputs (N, B, H) and states (N, layers, B, H) after some steps."""
    at = torch.as_tensor(list(steps), device=features.device)
    begin = state or None
    if isinstance(recurrent, Dilated):
        return recurrent.after(features, at, begin)
    output, _, states = recurrent(features, begin, return_states=True)
    return output[at], tuple(part[at] for part in as_tuple(states))


def generator(seed: int, name: str, position: int) -> np.random.Generator:
    """Random numbers of a series' own, from a step on."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), position % 2**32])


def _stacked(parts: Sequence[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(parts).astype(np.float64))
