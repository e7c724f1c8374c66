"""Which metric decides about the best weights, and which way is better."""

import math
from collections.abc import Mapping

from elman.errors import SettingsError

_HIGHER = ("accuracy", "f1", "auc", "bleu", "chrf", "precision", "recall", "r2")
_LOWER = ("loss", "error", "perplexity", "bits", "nats", "nll", "mse", "mae", "rmse", "wer", "cer")


class Goal:
    """A metric's name, perhaps still to be found in the first evaluation, and its direction.

    Raises `SettingsError` where the direction of `metric` is neither given nor known by its name.

    >>> Goal("macro_f1").maximize, Goal("valid_loss").maximize
    (True, False)
    """

    def __init__(self, metric: str | None = None, maximize: bool | None = None) -> None:
        self.metric = metric
        self.maximize = maximize
        if metric is not None and maximize is None:
            self.maximize = _direction(metric)

    def value(self, metrics: Mapping[str, float]) -> float:
        """The metric among `metrics`; raises `SettingsError` where it is not there."""
        names = ", ".join(map(repr, metrics)) or "nothing"
        if self.metric is None:
            if len(metrics) != 1 and "loss" not in metrics:
                raise SettingsError(f"evaluate gave {names}: pass metric=, one of these")
            self.metric = next(iter(metrics)) if len(metrics) == 1 else "loss"
            if self.maximize is None:
                self.maximize = _direction(self.metric)
        if self.metric not in metrics:
            raise SettingsError(f"metric={self.metric!r} is not what evaluate gave: {names}")
        return metrics[self.metric]

    def better(self, value: float, best: float | None) -> bool:
        """Whether `value` improves on `best`; NaN never does."""
        if math.isnan(value):
            return False
        return best is None or (value > best if self.maximize else value < best)


def _direction(metric: str) -> bool:
    words = metric.lower().replace("-", "_").split("_")
    higher, lower = (any(w in names for w in words) for names in (_HIGHER, _LOWER))
    if higher == lower:
        raise SettingsError(f"metric={metric!r}: pass maximize=True or False, which is better?")
    return higher
