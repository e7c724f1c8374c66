"""Every step of a history with the one after it, for teacher forcing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.tasks.forecast.autoregressive import Next, Taught
from elman.tasks.forecast.history import History, View
from elman.tasks.forecast.windows import Stretch, features_of


def next_steps(history: History, view: View, first: int, end: int) -> tuple[NDArray[Any], ...]:
    """After each step from `first` to `end`: rules (T, K, S), what is known beforehand (T, C), the
    level's mean and scale (T, K), and the value that came in its units, NaN before a whole
    season is known."""
    now = history.before + np.arange(first, end)
    last, mean, scale = history.filled[now], history.mean[now], history.scale[now]
    rules = [last, mean]
    for season in view.seasons:
        rule = history.filled[now + 1 - season]
        rules.append(np.where(np.isfinite(rule), rule, last))
    stacked = (np.stack(rules, -1) - mean[..., None]) / scale[..., None]
    came = (history.y[first + 1 : end + 1] - mean) / scale
    came[: max(0, view.seasons[0] - 1 - first)] = np.nan
    return stacked, history.ahead[first + 1 : end + 1], mean, scale, came


def taught_windows(stretches: Sequence[Stretch], draw: Any, *, view: View) -> Taught:  # noqa: ARG001
    """Stretches with every step's next one; what is before a series' first step does not count."""
    rows = []
    for history, first, end in stretches:
        parts = next_steps(history, view, max(first, 0), end)
        short = max(-first, 0)
        rows.append([_led(part, short, fill) for part, fill in zip(parts, _FILLS, strict=True)])
    rules, ahead, mean, scale, came = (
        torch.from_numpy(np.stack(part, 1).astype(np.float32)) for part in zip(*rows, strict=True)
    )
    return Taught(features_of(stretches), Next(rules, ahead, mean, scale), came)


def usual_error(histories: Sequence[History], view: View) -> NDArray[np.float32]:
    """The smallest mean error of a rule one step ahead, (K,), in units of the level."""
    errors = []
    for history in histories:
        rules, _, _, _, came = next_steps(history, view, 0, len(history) - 1)
        errors.append(np.abs(rules - came[..., None]))
    least = np.nanmean(np.concatenate(errors), 0).min(-1)
    found: NDArray[np.float32] = np.maximum(least, 1e-6).astype(np.float32)
    return found


_FILLS = (0.0, 0.0, 0.0, 1.0, np.nan)


def _led(part: NDArray[Any], count: int, fill: float) -> NDArray[Any]:
    """With so many rows before it."""
    led: NDArray[Any] = np.concatenate([np.full((count, *part.shape[1:]), fill), part])
    return led
