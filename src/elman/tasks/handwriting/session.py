"""Recognise handwriting while the pen moves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.data import Ink
from elman.errors import DataError, SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, restoring
from elman.tasks.steps import Ask, Steps, alone

if TYPE_CHECKING:
    from elman.tasks.handwriting.task import Handwriting


class HandwritingSession:
    """Ink as it is drawn; `Handwriting.session` makes it.

    How large the writing is, and where its middle, is known of the whole alone: after each chunk
    the network reads all ink so far again, so that at the end the answer is that of `predict`. A
    line of a hundred characters is some thousand steps, a few tens of milliseconds.
    """

    def __init__(self, task: "Handwriting", state: Mapping[str, Any] | None = None) -> None:
        self._task = task
        self._points: list[list[float]] = []  # x, y and 1 at the beginning of a stroke
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._points = [[float(v) for v in row] for row in state["points"].tolist()]
                self._finished = bool(state["finished"])

    def accept(self, points: Any, *, new_stroke: bool = False) -> Update:
        """Take more ink and say what all so far would be read as; None as long as there is none.

        **Arguments:** `points`: (n, 2), x and y downwards, that continue the stroke, or an `Ink`,
        whose strokes are new ones; `new_stroke`: the pen was lifted before these points.
        """
        return alone(self.accepting(points, new_stroke=new_stroke))

    def accepting(self, points: Any, *, new_stroke: bool = False) -> Steps[Update]:
        """As `accept`, for a server that computes for many sessions."""
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        if isinstance(points, Ink):
            rows = np.column_stack([points.points, points.is_start])
        else:
            rows = _rows(points, is_new=new_stroke or not self._points)
        self._points += rows.tolist()
        return Update((yield from self._answer()).value if self._points else None)

    def finish(self) -> Prediction:
        """The answer when the pen rests; an `error` where nothing was drawn."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`, for a server that computes for many sessions."""
        self._finished = True
        if not self._points:
            return Prediction(None, "nothing was drawn")
        return (yield from self._answer())

    @property
    def state(self) -> dict[str, Any]:
        """The ink so far, for `session(state=...)`."""
        points = np.array(self._points, np.float64).reshape(-1, 3)
        return {**origin(self._task), "points": points, "finished": self._finished}

    def _answer(self) -> Steps[Prediction]:
        rows = np.array(self._points)
        ink = Ink(rows[:, :2], np.flatnonzero(rows[:, 2]).astype(np.int64))
        answers: list[Prediction] = yield Ask(self._task.predictions, [ink])
        return answers[0]


def _rows(points: Any, *, is_new: bool) -> np.ndarray:
    if not isinstance(points, (np.ndarray, Sequence)):
        raise DataError(f"points are an Ink or numbers (n, 2), not a {type(points).__name__}")
    try:
        places = np.asarray(points, np.float64).reshape(-1, 2)
    except ValueError:
        raise DataError("points must be numbers, (n, 2)") from None
    if not np.isfinite(places).all():
        raise DataError("points have a value that is NaN or infinite")
    starts = np.zeros((len(places), 1))
    starts[:1] = is_new
    return np.concatenate([places, starts], 1)
