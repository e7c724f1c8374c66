"""The gradient of a step from its whole batch, in one process."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.errors import SettingsError
from elman.train.schema import damaged
from elman.train.tree import detach
from elman.train.types import Step

if TYPE_CHECKING:
    from elman.train.run import Run


class WholeBatch:
    """Computes the gradient of a step from its whole batch."""

    def __init__(self, run: "Run") -> None:
        self.run = run

    def backward(self, batch: Any, watch: AbstractContextManager[None]) -> Step:
        """Leave a batch's gradient in the parameters, within `watch`; gives its loss and state
        without a graph."""
        with watch:
            step = loss_of(self.run, batch, self.run.state)
            step.loss.backward()  # type: ignore[no-untyped-call]
        state = None if step.state is None else detach(step.state)
        return replace(step, loss=step.loss.detach(), state=state)

    def again(self, batch: Any) -> Tensor:
        """The loss of the step, once more, with its graph."""
        return self.run.loss(self.run.model, batch, self.run.state).loss


def loss_of(run: "Run", batch: Any, state: Any) -> Step:
    """The loss of a batch.

    Raises `SettingsError` where it is no scalar, and `ModelError` where the model cannot take a
    state that a checkpoint held.
    """
    try:
        step = run.loss(run.model, batch, state)
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        if run.is_state_read and state is not None:
            raise damaged(str(run.path), f"its state is not of this model: {error}") from error
        raise
    if step.loss.dim() != 0:
        raise SettingsError(f"the loss must be a scalar, not of shape {tuple(step.loss.shape)}")
    return step
