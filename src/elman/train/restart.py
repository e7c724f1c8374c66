"""A run that begins again at a lower rate: after it diverged, or where it learns nothing."""

from typing import TYPE_CHECKING

from elman.errors import TrainingDivergedError
from elman.train.divergence import Guard
from elman.train.optim import RESTART_FACTOR
from elman.train.resume import Position
from elman.train.weights import Average, assign

if TYPE_CHECKING:
    from elman.train.run import Run

_LOOKED_AT = (0.05, 0.1)  # shares of the plan's steps, whose loss is compared with chance
_FEWEST = 25  # steps between them; of fewer nothing can be told
_FALLS = 0.01  # of the loss, from the first half of these steps to the second


def check_chance(run: "Run", loss: float, count: int) -> None:
    """Raise `TrainingDivergedError` where a run that may begin again has learnt nothing.

    That is a training loss that, over the second half of the first tenth of the steps, is no lower
    than that of the best constant prediction, and does not fall either. `loss` and `count` are
    those of the last step.
    """
    at = run.at
    first, last = (share * run.total for share in _LOOKED_AT)
    middle = (first + last) / 2
    if run.chance is None or at.restarts >= run.settings.restarts or last - first < _FEWEST:
        return
    if first < at.farthest <= middle:
        at.earlier_sum += loss * count
        at.earlier_count += count
    elif middle < at.farthest <= last:
        at.early_sum += loss * count
        at.early_count += count
    if at.farthest < last or not at.early_count or not at.earlier_count:
        return
    earlier, mean = at.earlier_sum / at.earlier_count, at.early_sum / at.early_count
    at.earlier_count = at.early_count = 0
    at.earlier_sum = at.early_sum = 0.0
    if mean >= run.chance and mean > (1 - _FALLS) * earlier:
        raise TrainingDivergedError(
            f"the training loss is {mean:.4g} after {at.step} steps, no lower than the"
            f" {run.chance:.4g} of a constant prediction"
        )


def begin_again(run: "Run", why: str) -> None:
    """From the first weights, at a third of the rate."""
    settings, before = run.settings, run.at
    assert run.first_weights is not None
    assign(run.model, run.first_weights)
    kept = {name: getattr(before, name) for name in ("log_lines", "gradients", "warnings")}
    restarts = before.restarts + 1
    run.at = Position(**kept, restarts=restarts, seconds=run.seconds())
    run.optimizer = run.new_optimizer()
    run.average = Average(run.model, settings.ema) if settings.ema else None
    run.guard, run.state, run.best_weights = Guard(), None, None
    lr = settings.lr * RESTART_FACTOR**restarts
    words = f"{why}. Training begins again at lr={lr:.3g}, as {restarts} of {settings.restarts}"
    run.at.warnings = [*run.at.warnings, words]
    run.log.write("warning", {"step": 0, "text": words})
    run.display.warning(words)
    run.display.begin(run.total, run.at.farthest, run.at.seen)
