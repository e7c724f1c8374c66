"""Stop on NaN, infinity or an exploding loss, and say at which step and which parameter."""

import math
from dataclasses import dataclass, field
from typing import NoReturn

from torch import nn

from elman.errors import TrainingDivergedError
from elman.train.settings import TrainSettings

_SMOOTHING = 0.9
_STEPS_ABOVE = 10
_TIMES_ABOVE = 10.0
_KEPT = 6


@dataclass
class Guard:
    """Watches the loss and the gradient norm of every step; its fields go into checkpoints.

    A loss explodes when ten steps in a row lie above best + 10 · max(|best|, |first|), where
    `best` is the lowest smoothed loss so far and `first` the loss of the first step.
    """

    first: float | None = None
    smoothed: float = math.inf
    best: float = math.inf
    above: int = 0
    recent: list[float] = field(default_factory=list)

    def check(
        self, step: int, loss: float, norm: float, model: nn.Module, settings: TrainSettings
    ) -> None:
        """Take in step number `step`; raise `TrainingDivergedError` where it has diverged."""
        self.recent = [*self.recent[1 - _KEPT :], loss]
        if not math.isfinite(loss):
            self._stop(step, f"the loss is {loss}", model, settings)
        if not math.isfinite(norm):
            self._stop(step, f"the gradient's norm is {norm}", model, settings)
        if self.first is None:
            self.first = self.smoothed = self.best = loss
            return
        self.smoothed = _SMOOTHING * self.smoothed + (1 - _SMOOTHING) * loss
        self.best = min(self.best, self.smoothed)
        limit = self.best + _TIMES_ABOVE * max(abs(self.best), abs(self.first))
        self.above = self.above + 1 if loss > limit else 0
        if self.above >= _STEPS_ABOVE:
            what = f"the loss has been above {limit:.4g} for {_STEPS_ABOVE} steps"
            self._stop(step, f"{what} after a best of {self.best:.4g}", model, settings)

    def _stop(self, step: int, what: str, model: nn.Module, settings: TrainSettings) -> NoReturn:
        losses = ", ".join(f"{loss:.4g}" for loss in self.recent)
        clip = 1.0 if settings.clip is None else settings.clip / 4
        raise TrainingDivergedError(
            f"training diverged at step {step}: {what} (last losses {losses}); {suspect(model)}. "
            f"Try lr={settings.lr / 10:.3g} (now {settings.lr:.3g}), clip={clip:.3g} "
            f"(now {settings.clip}) or more warmup (now {settings.warmup:.3g}), "
            "and look for NaN or huge values in the data"
        )


def suspect(model: nn.Module) -> str:
    """Which parameter to look at: one that is not finite, a gradient that is not, the largest."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    for name, parameter in named:
        if not parameter.detach().isfinite().all():
            return f"parameter {name!r} itself is not finite"
    gradients = [(name, p.grad) for name, p in named if p.grad is not None]
    for name, gradient in gradients:
        if not gradient.isfinite().all():
            return f"the gradient of {name!r} is the first that is not finite"
    if not gradients:
        return "no parameter has a gradient"
    norm, name = max((gradient.double().norm().item(), name) for name, gradient in gradients)
    return f"the largest gradient is that of {name!r} (norm {norm:.3g})"
