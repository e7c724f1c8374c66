"""Every step of a history with the one after it, for teacher forcing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.tasks.forecast.autoregressive import Next, Taught
from elman.tasks.forecast.bounds import known_scale
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.naive import rules_after, usual_error
from elman.tasks.forecast.windows import Stretch, features_of


def next_steps(history: History, view: View, first: int, end: int) -> tuple[NDArray[Any], ...]:
    """After each step from `first` to `end` what `Next` has, (T, ...), and the value that came,
    (T, K), in units of the level, NaN before a whole season is known."""
    now = history.before + np.arange(first, end)
    mean, scale = history.mean[now], history.scale[now]
    rules = rules_after(history.filled, history.mean, now, view.seasons)
    scaled = (rules - mean[..., None]) / scale[..., None]
    error, weight = usual_error(history.off[first:end])
    came = (history.y[first + 1 : end + 1] - mean) / known_scale(scale)
    came[: max(0, view.seasons[0] - 1 - first)] = np.nan
    return scaled, history.ahead[first + 1 : end + 1], mean, scale, error / scale, weight, came


def taught_windows(stretches: Sequence[Stretch], draw: Any, *, view: View) -> Taught:  # noqa: ARG001
    """Stretches with every step's next one; what is before a series' first step does not count."""
    rows = []
    for history, first, end in stretches:
        parts = next_steps(history, view, max(first, 0), end)
        short = max(-first, 0)
        rows.append([_led(part, short, fill) for part, fill in zip(parts, _FILLS, strict=True)])
    with np.errstate(over="ignore"):  # only counts need the level itself
        *known, came = (
            torch.from_numpy(np.stack(part, 1).astype(np.float32))
            for part in zip(*rows, strict=True)
        )
    return Taught(features_of(stretches), Next(*known), came)


def first_unit(histories: Sequence[History]) -> NDArray[np.float32]:
    """The usual error of a series' best rule, (K,), in units of its level at the end."""
    errors = [usual_error(each.off[-1])[0] / each.scale[-1] for each in histories]
    found: NDArray[np.float32] = np.maximum(np.median(errors, 0), 1e-6).astype(np.float32)
    return found


_FILLS = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, np.nan)


def _led(part: NDArray[Any], count: int, fill: float) -> NDArray[Any]:
    """With so many rows before it."""
    led: NDArray[Any] = np.concatenate([np.full((count, *part.shape[1:]), fill), part])
    return led
