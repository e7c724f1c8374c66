"""What is said to a trained model piece by piece, and what it answers meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from elman.decode.hypothesis import Hypothesis
from elman.tasks.prediction import Prediction
from elman.tasks.steps import Steps


@dataclass(frozen=True)
class Update:
    """What a session knows after some input.

    - `value`: the answer so far, in the form of the last answer's value.
    - `new`: what came to it since the last update, where the answer grows (text); None elsewhere.
    """

    value: Any
    new: Any = None


@dataclass(frozen=True)
class TranscriptUpdate(Update):
    """Of a session that writes down what it hears.

    - `segments`: those that ended since the last update, of each the most likely hypotheses.
    - `partial`: the text since the last of them.
    """

    segments: tuple[tuple[Hypothesis, ...], ...] = ()
    partial: str = ""


@dataclass(frozen=True)
class WritingUpdate(Update):
    """Of a session that writes a text on.

    - `read`, `written`: tokens that were read and written since the last input, this one included.
    - `stopped`: whether a stop string ended it.
    """

    read: int = 0
    written: int = 0
    stopped: bool = False


class Session(Protocol):
    """One stream of input to a trained model, with a state of its own; `task.session()` makes it.

    Nothing in it changes the task, so that any number of sessions run side by side.
    """

    def accept(self, chunk: Any) -> Update:
        """Take more input, of any length, and say what is known now."""

    def finish(self) -> Prediction:
        """The answer when all input has come; the session takes no more."""

    @property
    def state(self) -> Mapping[str, Any]:
        """All that the session remembers, tensors and plain values by name: given to
        `task.session(state=...)` it continues from there, in another process, too."""


class SteppedSession(Session, Protocol):
    """A session whose computing can be shared with that of others; see `elman.tasks.steps`.

    `accept` and `finish` are these generators answered `alone`. A server runs the generators of
    many sessions and computes what they wait for together.
    """

    def accepting(self, chunk: Any) -> Steps[Update]:
        """As `accept`; an `Update` yielded on the way says what came so far."""

    def finishing(self) -> Steps[Prediction]:
        """As `finish`."""


def is_stepped(session: Session) -> TypeGuard[SteppedSession]:
    """Whether a session's computing can be shared; its `state` is not asked for."""
    return hasattr(type(session), "accepting") and hasattr(type(session), "finishing")
