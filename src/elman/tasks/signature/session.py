"""Enrol a person and verify signatures in one session, which alone knows the references."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from elman.data import Ink
from elman.data.checks import whole
from elman.data.ink.ink import CHANNELS
from elman.errors import DataError, SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.session_state import origin, part, prefixed, restoring
from elman.tasks.signature.templates import MOST, Template
from elman.tasks.signature.verification import Verification, scores_of

if TYPE_CHECKING:
    from elman.tasks.signature.task import Signature


@dataclass(frozen=True)
class SignatureUpdate(Update):
    """Whether the last signature is genuine, None while references are enrolled; with the
    `probability` of it, and how many references are `missing` still."""

    probability: float | None = None
    missing: int = 0


class SignatureSession:
    """Signatures of one person; `Signature.session` makes it.

    The first ones are the references; each one after is compared with them.
    """

    def __init__(
        self,
        task: "Signature",
        *,
        references: int | None = None,
        threshold: float | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._task, self._threshold = task, threshold
        self._needed = task.settings.references if references is None else references
        if whole(self._needed, "references", 1) > MOST:
            raise SettingsError(f"references={references}: 1 to {MOST} are enrolled")
        self._inks: list[Ink] = []
        self._last: Verification | None = None
        self._finished = False
        if state is not None:
            with restoring(task, state):
                self._needed = whole(state["references"], "references", 1)
                self._inks = [_ink(part(str(i), state)) for i in range(state["enrolled"])]
        self._template: Template | None = None

    def accept(self, ink: Ink) -> SignatureUpdate:
        """Enrol a reference, or verify a signature.

        Raises `DataError` for ink without a point, or a reference of a single one.
        """
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        if not isinstance(ink, Ink):
            raise DataError(f"a signature is an Ink, not a {type(ink).__name__}")
        if len(self._inks) < self._needed:
            if len(ink) < 2:
                raise DataError("a reference needs more than a single point")
            self._task._traced(ink, "the reference")
            self._inks.append(ink)
            return SignatureUpdate(None, missing=self._needed - len(self._inks))
        task = self._task
        trace = task._traced(ink, "the signature")
        (score,) = scores_of(task.model, task.preprocessing, self._compared(), [trace])
        self._last = task._verification(score, self._threshold)
        return SignatureUpdate(self._last.is_genuine, probability=self._last.probability)

    def finish(self) -> Prediction:
        """Whether the last signature is genuine; an `error` where none was verified."""
        self._finished = True
        if self._last is None:
            return Prediction(None, "no signature was verified")
        details = {"probability": self._last.probability, "score": self._last.score}
        return Prediction(self._last.is_genuine, details=details)

    @property
    def state(self) -> dict[str, Any]:
        """The references, for `session(state=...)`: biometric data."""
        found: dict[str, Any] = {**origin(self._task), "references": self._needed}
        found["enrolled"] = len(self._inks)
        for i, ink in enumerate(self._inks):
            arrays = {"points": ink.points, "starts": ink.starts}
            arrays |= {name: getattr(ink, name) for name in ink.channels}
            tensors = {name: torch.tensor(values) for name, values in arrays.items()}
            found |= prefixed(str(i), tensors)
            found |= prefixed(str(i), {"unit": ink.unit})
        return found

    def _compared(self) -> Template:
        if self._template is None:
            task = self._task
            traces = [task._traced(ink, "the reference") for ink in self._inks]
            self._template = Template.of(traces, task.preprocessing.channels)
        return self._template


def _ink(saved: Mapping[str, Any]) -> Ink:
    channels = {name: saved[name].numpy() for name in CHANNELS if name in saved}
    found = Ink(saved["points"].numpy(), saved["starts"].numpy(), **channels)
    return replace(found, unit=saved["unit"])
