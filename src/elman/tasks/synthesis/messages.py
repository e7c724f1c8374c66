"""What clients send to a served writer: texts to write."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from elman.errors import DataError
from elman.tasks.messages import Messages, check_options, text
from elman.tasks.prediction import Prediction
from elman.tasks.steps import Steps

_MOST_POINTS = 5000


class SynthesisMessages(Messages):
    """A text to write, `{"text": ...}`, or `{}` of a model that knows none; the answer is ink."""

    predict_options: ClassVar[tuple[str, ...]] = ("bias", "seed", "most")

    @property
    def reads(self) -> dict[str, Any]:
        """A text of `characters`, or nothing."""
        known = self.task.preprocessing
        if not known.has_text:
            return {"kind": "nothing"}
        return {"kind": "text", "characters": known.characters}

    @property
    def answers(self) -> dict[str, Any]:
        """Ink."""
        return {"kind": "ink"}

    def predictions(
        self, values: Sequence[Any], options: Mapping[str, Any]
    ) -> Steps[list[Prediction]]:
        """Ink for each text, of 5000 points at most."""
        yield from ()
        given = check_options(options, self.predict_options)
        most = given.pop("most", None)
        if most is not None:
            given["most"] = min(most, _MOST_POINTS) if isinstance(most, int) else most
        return [Prediction(self.task.generate(_text(value), **given)) for value in values]


def _text(value: Any) -> str | None:
    if not isinstance(value, dict) or set(value) - {"text"}:
        raise DataError('what to write is {"text": ...}, or {} of a model that knows no texts')
    return None if value.get("text") is None else text(value["text"])
