"""Classify a sequence while it comes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data import Audio
from elman.data.sequences import sequences_of
from elman.data.sound.samples import as_array, checked
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.tasks.classify.chunks import encodable
from elman.tasks.classify.preprocessing import ClassifyPreprocessing
from elman.tasks.ensemble import networks
from elman.tasks.prediction import Prediction
from elman.tasks.session import Update
from elman.tasks.steps import Ask, Run, Steps, alone
from elman.train.inference import inference
from elman.train.tree import map_tensors, move

if TYPE_CHECKING:
    from elman.tasks.classify.task import Classify

_PLAIN = {"finished": bool, "steps": int, "pending": (str, Tensor)}


@dataclass(frozen=True)
class ClassifyUpdate(Update):
    """The label so far, as `predict` gives it, and the `probabilities` of all, (classes,).

    Both are None as long as nothing can be said.
    """

    probabilities: NDArray[np.float32] | None = None


class Seen(NamedTuple):
    """What is remembered of steps: the recurrent state, what pooling needs, and of features the
    last step, (1, F), where the network takes its difference to the next."""

    recurrent: tuple[Tensor, ...]
    pooling: dict[str, Tensor]
    last: Tensor | None = None


class ClassifySession:
    """A sequence that comes in chunks; `Classify.session` makes it.

    A model that reads forwards only says after every chunk what it would say of all input so far,
    and its memory does not grow. Any other, one with a linear model beside it, one of several
    networks, and one of sound, whose loudness is that of the whole, answers at `finish`.
    """

    def __init__(
        self, task: "Classify", *, rate: int | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        known: ClassifyPreprocessing = task.preprocessing
        self._task, self._known, self._model = task, known, task.model
        if rate is not None:
            if known.sound is None:
                raise SettingsError(f"rate={shown(rate)}: this model does not read sound")
            Audio(np.zeros(1, np.float32), rate)  # checks it
        self._rate = rate
        needs_all = known.sound is not None or known.linear is not None
        needs_all = needs_all or len(networks(task.model)) > 1
        self._is_running = not needs_all and not task.settings.bidirectional
        width = () if known.sound is not None else (known.features or 0,)
        self._pending: str | Tensor = torch.zeros(0, *width) if known.vocabulary is None else ""
        self._seen: Seen | None = None
        self._steps, self._finished = 0, False
        if state is not None:
            self._restore(state)

    def accept(self, chunk: Any) -> ClassifyUpdate:
        """Take more of the sequence, of any length.

        **Arguments:** `chunk`: of texts a string; of features (t, F), floats; of sound samples
        (N,), floats from -1 to 1 or integers of 8, 16 or 32 bits, at the session's rate.
        """
        return alone(self.accepting(chunk))

    def accepting(self, chunk: Any) -> Steps[ClassifyUpdate]:
        """As `accept`, for a server that computes for many sessions."""
        if self._finished:
            raise SettingsError("this session is finished: create a new one with session()")
        pending = self._with(chunk)
        if not self._is_running:
            self._pending = pending
            return ClassifyUpdate(None)
        ready: str | Tensor
        if isinstance(pending, str):
            assert self._known.vocabulary is not None
            ready, pending = encodable(pending, self._known.vocabulary)
        else:
            ready, pending = pending, pending[:0]
        seen, steps = yield from self._read(self._seen, self._steps, ready)
        self._pending, self._seen, self._steps = pending, seen, steps
        seen, _ = yield from self._read(seen, steps, pending)
        if seen is None:
            return ClassifyUpdate(None)
        scores = self._scores(seen)
        return ClassifyUpdate(self._answer(scores).value, None, self._probabilities(scores))

    def finish(self) -> Prediction:
        """The answer when all input has come; an `error` where there can be none."""
        return alone(self.finishing())

    def finishing(self) -> Steps[Prediction]:
        """As `finish`, for a server that computes for many sessions."""
        self._finished = True
        if self._is_running:
            seen, steps = yield from self._read(self._seen, self._steps, self._pending)
            if seen is None:
                return Prediction(None, "there was no input")
            shown_as = "" if self._known.features is None else f"{steps} steps"
            return replace(self._answer(self._scores(seen)), input=shown_as)
        if not len(self._pending):
            return Prediction(None, "there was no input")
        whole: Any = self._pending
        if self._known.sound is not None:
            whole = Audio(whole.numpy(), self._rate or self._known.sound.rate)
        elif not isinstance(whole, str):
            whole = whole.numpy()
        try:
            answers: list[Prediction] = yield Ask(self._task.predictions, [whole])
        except DataError as error:
            return Prediction(None, str(error))
        return answers[0]

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, tensors and plain values by name, for `session(state=...)`."""
        plain = {"finished": self._finished, "steps": self._steps, "pending": self._pending}
        tensors: dict[str, Any] = {} if self._seen is None else _named(self._seen)
        return map_tensors(lambda tensor: tensor.detach().cpu().clone(), {**plain, **tensors})  # type: ignore[no-any-return]

    # the network

    def _read(
        self, seen: Seen | None, steps: int, ready: str | Tensor
    ) -> Steps[tuple[Seen | None, int]]:
        """Read on from some steps; what was remembered of them stays as it is."""
        if isinstance(ready, str):
            inputs, count = self._known.text_input(ready)
        else:
            inputs, count = ready.unsqueeze(1), len(ready)
        if not count:
            return seen, steps
        model: Any = self._model
        last = inputs[-1] if self._task.settings.differences else None
        before = () if seen is None or seen.last is None else (seen.last,)
        with inference(model) as device:
            encoded = model.encoder(*move((inputs, *before), device))
        output, state = yield Run(model.recurrent, encoded, () if seen is None else seen.recurrent)
        with inference(model):
            pooling = model.head.pooling.gather(output, None if seen is None else seen.pooling)
        return Seen(state, pooling, last), steps + count

    def _scores(self, seen: Seen) -> list[Tensor]:
        model: Any = self._model
        with inference(model):
            return [model.head.score(model.head.pooling.pooled(seen.pooling))[0].cpu()]

    def _answer(self, scores: list[Tensor]) -> Prediction:
        return self._task.decode(scores, self._known, {})[0]

    def _probabilities(self, scores: list[Tensor]) -> NDArray[np.float32]:
        return self._known.probabilities(scores)[0]  # type: ignore[no-any-return]

    # what comes

    def _with(self, chunk: Any) -> str | Tensor:
        """The chunk after what is pending."""
        known, pending = self._known, self._pending
        if isinstance(pending, str):
            if not isinstance(chunk, str):
                raise DataError(f"the chunk is a {type(chunk).__name__}, not a string")
            return pending + chunk
        if known.sound is None and isinstance(chunk, str | bytes):
            raise DataError(f"the chunk: features are needed, not {shown(chunk)}")
        values = as_array(chunk, "the chunk")
        if not len(values.shape) or not len(values):
            if values.shape[:1] == (0,):
                return pending
            raise DataError(f"the chunk: {shown(chunk)} where a sequence is needed")
        if known.sound is not None:
            return torch.cat([pending, torch.from_numpy(checked(values, "the chunk").copy())])
        (steps,) = sequences_of([values], ["the chunk"])
        if steps.shape[1] != known.features:
            raise DataError(
                f"the chunk: {steps.shape[1]} features a step where the model has {known.features}"
            )
        return torch.cat([pending, torch.from_numpy(steps)])

    # the state

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Take over another session's state; SettingsError if it is not of such a model."""
        if not isinstance(state, Mapping):
            raise SettingsError(f"state={shown(state)}: a session's state is needed")
        for name, kind in _PLAIN.items():
            if not isinstance(state.get(name), kind):  # type: ignore[arg-type]
                raise SettingsError(f"state: {name} is {shown(state.get(name))}")
        pending = state["pending"]
        if type(pending) is not type(self._pending) or (
            isinstance(pending, Tensor) and _form(pending[:0]) != _form(self._pending)
        ):
            raise SettingsError("state: pending is not of this model's inputs")
        tensors = {name: value for name, value in state.items() if name not in _PLAIN}
        if tensors or (state["steps"] > 0 and self._is_running):
            expected = _named(self._template())
            for name in {**expected, **tensors}:
                found, wanted = (_form(t.get(name)) for t in (tensors, expected))
                if found != wanted:
                    raise SettingsError(f"state: {name} is {found}, and this model's is {wanted}")
            device = self._task.device
            tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
            recurrent = tuple(t for n, t in tensors.items() if n.startswith("recurrent."))
            pooling = {
                n.removeprefix("pooling."): t
                for n, t in tensors.items()
                if n.startswith("pooling.")
            }
            self._seen = Seen(recurrent, pooling, tensors.get("last"))
        self._pending, self._steps = pending, state["steps"]
        self._finished = state["finished"]

    def _template(self) -> Seen:
        """What is remembered after one step."""
        if not self._is_running:
            return Seen((), {})
        features = self._known.features
        one = "a" if features is None else torch.zeros(1, features)
        seen, _ = alone(self._read(None, 0, one))
        assert seen is not None
        return seen


def _named(seen: Seen) -> dict[str, Tensor]:
    recurrent = {f"recurrent.{i}": tensor for i, tensor in enumerate(seen.recurrent)}
    if seen.last is not None:
        recurrent["last"] = seen.last
    return {**recurrent, **{f"pooling.{name}": tensor for name, tensor in seen.pooling.items()}}


def _form(tensor: Any) -> str:
    if not isinstance(tensor, Tensor):
        return "missing" if tensor is None else f"a {type(tensor).__name__}"
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
