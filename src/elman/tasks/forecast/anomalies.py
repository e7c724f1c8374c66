"""How unusual each value of a series is."""

from typing import Any

import numpy as np

from elman.data import Panel
from elman.tasks.forecast.bounds import SMALLEST
from elman.tasks.forecast.conformal import Calibration
from elman.tasks.forecast.history import View, read
from elman.tasks.forecast.reader import scaled_forecasts
from elman.tasks.forecast.settings import QUANTILES


def table(
    model: Any, view: View, calibration: Calibration | None, panel: Panel
) -> dict[str, list[Any]]:
    """How unusual each value of some histories is, as a table with `score` and `expected`.

    The score is the distance from the forecast one step before, in half widths of its interval
    of 95 %: above 1 a value lies outside. NaN before the first forecast.
    """
    columns: dict[str, list[Any]] = {name: [] for name in (panel.columns.id, panel.columns.time)}
    scores: dict[str, list[Any]] = {"expected": [], "score": []}
    for series in panel.series:
        history = read(panel, series, view)
        at = list(range(view.seasons[0] - 1, len(history) - 1))
        score = np.full(history.y.shape, np.nan)
        expected = score.copy()
        if at:
            quantiles = scaled_forecasts(model, view, [history], [at], 1)[0].double().numpy()
            if calibration is not None:
                quantiles = calibration.apply(quantiles)
            now = history.before + np.array(at)
            place, size = history.mean[now], history.scale[now]
            low, middle, high = (
                place + size * quantiles[:, 0, :, q] for q in (0, len(QUANTILES) // 2, -1)
            )
            came = history.y[np.array(at) + 1]
            half = np.where(came > middle, high - middle, middle - low)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.abs(came - middle) / np.maximum(half, SMALLEST * size)
            score[np.array(at) + 1] = np.where(came == middle, 0, ratio)
            expected[np.array(at) + 1] = middle
        columns[panel.columns.id] += [series.name] * len(history)
        columns[panel.columns.time] += list(panel.times(series, 0, len(history)))
        scores["expected"] += expected[:, 0].tolist()
        scores["score"] += score.max(1).tolist()
    return {**columns, **scores}
