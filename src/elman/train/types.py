"""What goes into the fit loop and what comes out of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

B_co = TypeVar("B_co", covariant=True)


class Batches(Protocol[B_co]):
    """The training data, epoch by epoch."""

    def __len__(self) -> int:
        """Batches in an epoch; an estimate will do, it sets the schedule's length."""

    def epoch(self, e: int, start: int = 0) -> Iterator[B_co]:
        """The batches of epoch `e` (from 0) without the first `start`, the same at every call."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a loss function returns for a batch.

    - `loss`: the scalar to minimise, a mean over what `count` counts.
    - `count`: tokens, frames or examples in the batch; weighs the loss in the mean that is logged.
    - `state`: the recurrent state after the batch (a nest of tensors) for the next batch of the
      epoch to start from: truncated BPTT. None for full BPTT.
    - `weight`: what the mean was divided by, where it is not `count`: the weight of the loss beside
      those of the batch's other shards.
    """

    loss: "Tensor"
    count: int
    state: Any = None
    weight: "float | Tensor | None" = None


@dataclass(frozen=True)
class Result:
    """How a run ended.

    - `best`, `best_step`: the metric's best value and the step it was reached at; None without
      `evaluate`.
    - `step`: steps taken, those of earlier processes included, as in all that follows.
    - `history`: an entry an evaluation (or an epoch, without `evaluate`): "step", "epoch",
      "training_loss" (its mean since the last entry) and the metrics.
    - `stopped_because`: "finished", "patience" or "interrupted".
    - `seconds`: wall time. `clipped`: share of steps whose gradient was clipped.
    - `gradients`: with monitor="gradients" an entry a look: "step", by layer the gradient's factor
      a time step ("rate"), "memory" in steps, largest "growth" and the norm "entering" it, and
      "warnings". `warnings`: all of these.
    """

    best: float | None
    best_step: int | None
    step: int
    history: list[dict[str, float]]
    stopped_because: Literal["finished", "patience", "interrupted"]
    seconds: float
    clipped: float
    gradients: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM stopped a run after a whole step; the checkpoint, if any, is written.

    `result` is the run's `Result`, `signum` the signal (a program would exit with 128 + it).
    """

    def __init__(self, message: str, result: Result, signum: int) -> None:
        super().__init__(message)
        self.result = result
        self.signum = signum
