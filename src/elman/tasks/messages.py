"""How a server's messages become inputs of a task."""

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.session import Session
from elman.tasks.steps import Ask, Steps

if TYPE_CHECKING:
    from elman.tasks.task import Task

_MOST_OF_AN_OPTION = 1000  # characters or items, and the largest whole number but a seed


class Messages:
    """What clients may send to a task that is served; `Task.messages` names a task's own class.

    A value is what JSON holds, an array (of a binary message), or the `bytes` of a file. A string
    is a text: what comes from outside must never become the name of a file, so a subclass checks
    the types of what `read`, `accept` and options would take for one.

    **Class attributes:**

    - `session_options`: keywords of `session` that a client may give; None: all but `state`.
    - `predict_options`: keywords of `predictions` that a client may give.
    - `chunk_options`: keywords of `accept` that a client may give with a chunk; None: all.
    - `most_input`: bytes that a session takes in all, as it remembers them; None: any number.
    - `writes_on`: whether sessions read texts and write them on, with `WritingUpdate` as answers
      and the options `length`, `temperature`, `top_p`, `seed` and `stop`.
    """

    session_options: ClassVar[tuple[str, ...] | None] = None
    predict_options: ClassVar[tuple[str, ...]] = ()
    chunk_options: ClassVar[tuple[str, ...] | None] = None
    most_input: ClassVar[int | None] = 64 * 2**20
    writes_on: ClassVar[bool] = False

    def __init__(self, task: "Task") -> None:
        self.task: Any = task

    @property
    def reads(self) -> dict[str, Any]:
        """The form of an input, for those who make one by hand, such as a page.

        Its `kind` is `text`, `sound`, `features`, `table`, `ink`, `signatures`, `frames`,
        `nothing`, or `json` where none of them fits; the other fields are what such an input must
        keep to.
        """
        return {"kind": "json"}

    @property
    def answers(self) -> dict[str, Any]:
        """The form of an answer: its `kind` is `labels`, `text`, `transcript`, `writing`,
        `forecast`, `ink`, `verification`, `frames` or `json`, with what explains its values."""
        return {"kind": "json"}

    @property
    def speech_rate(self) -> int | None:
        """Samples a second of the speech that the task writes down, None if it writes none down.

        Its sessions take the options `rate`, `n`, `pause` and `hot_words` and answer with
        `TranscriptUpdate`; its predictions have `words` and `seconds` among the details.
        """
        return None

    def session(self, options: Mapping[str, Any], state: Mapping[str, Any] | None) -> Session:
        """A session of the task with a client's options, from a `state` or from nothing."""
        known = self.session_options
        if known is None:
            known = _keywords(self.task.session, "state")
        given = check_options(options, known)
        if state is not None:
            given["state"] = state
        session: Session = self.task.session(**given)
        return session

    def chunk(self, value: Any) -> Any:
        """An input of `accept`."""
        return value

    def seconds(self, chunk: Any, options: Mapping[str, Any]) -> float:  # noqa: ARG002
        """How long a chunk lasts, given the options of its session; 0 of what has no rate."""
        return 0.0

    def check_chunk_options(self, session: Session, options: Mapping[str, Any]) -> dict[str, Any]:
        """The keywords of `accept` beside a chunk; SettingsError names one that there is not."""
        known = self.chunk_options
        if known is None:
            known = _keywords(session.accept)
        return check_options(options, known)

    def whole(self, value: Any) -> Any:
        """An input of `predictions`."""
        if isinstance(value, str | bytes):
            raise DataError(f"the task {self.task.name} does not say how a text is its input")
        return value

    def predictions(
        self, values: Sequence[Any], options: Mapping[str, Any]
    ) -> Steps[list[Prediction]]:
        """The answer for each value, computed with what others ask at the same time."""
        checked = check_options(options, self.predict_options)
        whole = [self.whole(value) for value in values]
        found: list[Prediction] = yield Ask(self.task.predictions, whole, checked)
        return found


def check_options(options: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """A client's options; SettingsError for an unknown one, or one of a size that no use has."""
    for name, value in options.items():
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            raise SettingsError(f"there is no option {shown(name)} here: {there}")
        too_large = isinstance(value, str | list | dict) and len(value) > _MOST_OF_AN_OPTION
        too_large |= isinstance(value, int) and name != "seed" and abs(value) > 10**6
        if too_large:
            raise SettingsError(f"the option {name} is too large: {shown(value)}")
    return dict(options)


def text(value: Any) -> str:
    """A value that must be a text."""
    if not isinstance(value, str):
        raise DataError(f"a text is needed, not {_kind(value)}")
    return value


def numbers(value: Any) -> np.ndarray[Any, Any]:
    """A value that must be an array of numbers, such as lists of them."""
    if isinstance(value, str | bytes | Mapping) or value is None:
        raise DataError(f"an array of numbers is needed, not {_kind(value)}")
    try:
        found = np.asarray(value)
    except ValueError:
        raise DataError("an array of numbers is needed, not lists of unequal lengths") from None
    if found.dtype.kind not in "iufb":
        raise DataError("an array of numbers is needed, not of other values")
    return found


def _kind(value: Any) -> str:
    return "none" if value is None else f"a {type(value).__name__}"


def _keywords(function: Any, *but: str) -> tuple[str, ...]:
    """The names of keywords that a function takes."""
    parameters = inspect.signature(function).parameters.values()
    kinds = inspect.Parameter.KEYWORD_ONLY
    return tuple(each.name for each in parameters if each.kind is kinds and each.name not in but)
