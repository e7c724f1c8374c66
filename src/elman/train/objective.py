"""Which metric decides about the best weights, and which way is better."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from elman.errors import SettingsError

_HIGHER = ("accuracy", "f1", "auc", "bleu", "chrf", "precision", "recall", "r2")
_LOWER = ("loss", "error", "perplexity", "bits", "nats", "nll", "mse", "mae", "rmse", "wer", "cer")

_PERFECT = {
    **dict.fromkeys(("accuracy", "f1", "auc", "exact", "precision", "recall"), 1.0),
    **dict.fromkeys(("bleu", "chrf"), 100.0),
    **dict.fromkeys(("wer", "cer"), 0.0),
}


class Objective(NamedTuple):
    """The metric on validation data that chooses the best weights, and which way is better.

    `maximize` may be None where the metric's name says it.
    """

    name: str
    maximize: bool | None = None


class Comparison(NamedTuple):
    """Whether an evaluation's weights are kept, and whether it counts as an improvement."""

    keep: bool
    improved: bool


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

    def is_perfect(self, value: float) -> bool:
        """Whether no value of the metric is better, as far as its name tells.

        >>> Goal("accuracy").is_perfect(1.0), Goal("cer").is_perfect(0.1)
        (True, False)
        """
        words = _words(self.metric or "")
        return value in {best for name, best in _PERFECT.items() if name in words}

    def compare(
        self, metrics: Mapping[str, float], best: float | None, best_loss: float | None
    ) -> Comparison:
        """What an evaluation is beside the best so far, its metric and its loss.

        Of equal metrics the lower "loss" among `metrics` is an improvement. Where there is no such
        loss, or the losses are equal too, the later weights are kept, though they improve nothing.
        So are later weights whose metric is within its "standard_error", if the metrics tell it, of
        the best: of little validation data the first of many equals is no better than the last.

        >>> goal = Goal("cer")
        >>> goal.compare({"cer": 1.0, "loss": 2.5}, 1.0, 9.0)
        Comparison(keep=True, improved=True)
        >>> goal.compare({"cer": 1.0, "loss": 9.5}, 1.0, 9.0)
        Comparison(keep=False, improved=False)
        >>> goal.compare({"cer": 1.0}, 1.0, None)
        Comparison(keep=True, improved=False)
        >>> goal.compare({"cer": 0.31, "standard_error": 0.02}, 0.3, None)
        Comparison(keep=True, improved=False)
        """
        value = self.value(metrics)
        if self.better(value, best):
            return Comparison(True, True)
        if value != best:
            error = metrics.get("standard_error", 0.0)
            return Comparison(best is not None and abs(value - best) <= error, False)
        loss = metrics.get("loss", math.nan)
        if best_loss is None or math.isnan(best_loss):
            known = not math.isnan(loss)
            return Comparison(True, known and best_loss is not None)
        return Comparison(loss <= best_loss, loss < best_loss)


def _words(metric: str) -> list[str]:
    return metric.lower().replace("-", "_").split("_")


def _direction(metric: str) -> bool:
    words = _words(metric)
    higher, lower = (any(w in names for w in words) for names in (_HIGHER, _LOWER))
    if higher == lower:
        raise SettingsError(f"metric={metric!r}: pass maximize=True or False, which is better?")
    return higher
