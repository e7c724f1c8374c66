"""The steps at the end of series that training does not see: to choose weights by and to warn."""

import warnings
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from elman.tasks.forecast import baselines
from elman.tasks.forecast.bounds import known_scale
from elman.tasks.forecast.history import History
from elman.tasks.forecast.settings import QUANTILES

_ENOUGH = 10  # forecasts that say something


def places(histories: Sequence[History], horizon: int, steps: int, least: int) -> list[list[int]]:
    """Where forecasts begin whose targets are held out, at most 200 a series."""
    found = []
    for history in histories:
        first = max(len(history) - steps - 1, least - 1, 0)
        last = max(len(history) - horizon - 1, first)
        count = min(last - first + 1, max(1, 2000 // len(histories)), 200)
        places = np.linspace(first, last, count).round().astype(int)
        found.append([int(p) for p in places if p < len(history) - 1])
    return found


def share_of_seasonal_naive(
    quantiles: Tensor, histories: Sequence[History], at: Sequence[Sequence[int]], season: int
) -> float:
    """The errors of forecasts, (n, h, K, Q), as a share of the seasonal naive rule's; a warning if
    they are larger."""
    ours, rule, row = 0.0, 0.0, 0
    medians = quantiles[..., len(QUANTILES) // 2].double().numpy()
    for history, steps in zip(histories, at, strict=True):
        for step in steps:
            now = history.before + step
            actual = history.y[step + 1 : step + 1 + medians.shape[1]]
            place, scale = history.mean[now], known_scale(history.scale[now])
            ours += float(np.nansum(np.abs(medians[row][: len(actual)] - (actual - place) / scale)))
            filled = history.filled[history.before : now + 1]
            for key in range(actual.shape[1]):
                simple = baselines.seasonal_naive(filled[:, key], len(actual), season)
                rule += float(np.nansum(np.abs(simple - actual[:, key]) / scale[key]))
            row += 1
    share = ours / rule if rule else float("nan")
    if share > 1 and row >= _ENOUGH:
        warnings.warn(
            f"on the held-out steps the errors are {share:.2f} times those of the seasonal naive"
            " rule: this model is of no use there",
            UserWarning,
            stacklevel=2,
        )
    return share
