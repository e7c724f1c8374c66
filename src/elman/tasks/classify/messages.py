"""What clients send to a served classifier: a text, feature vectors or sound."""

from typing import Any, ClassVar

from elman.tasks.messages import Messages, numbers, text
from elman.tasks.sound_messages import sound


class ClassifyMessages(Messages):
    """Texts as strings, steps of features as (t, F), sound as samples or a file."""

    session_options: ClassVar[tuple[str, ...]] = ("rate",)
    predict_options: ClassVar[tuple[str, ...]] = ("probabilities",)

    @property
    def reads(self) -> dict[str, Any]:
        """A text, sound at a `rate`, or features of a `width`."""
        known = self.task.preprocessing
        if known.sound is not None:
            return {"kind": "sound", "rate": known.sound.rate}
        if known.vocabulary is not None:
            return {"kind": "text"}
        return {"kind": "features", "width": known.features}

    @property
    def answers(self) -> dict[str, Any]:
        """Labels."""
        return {"kind": "labels", "labels": self.task.labels, "several": self.task.several}

    def chunk(self, value: Any) -> Any:
        """More of the text, features (t, F), or samples (N,)."""
        return text(value) if self.task.preprocessing.vocabulary is not None else numbers(value)

    def whole(self, value: Any) -> Any:
        """A text, features (T, F), or sound, see `sound_messages`."""
        known = self.task.preprocessing
        if known.sound is not None:
            return sound(value, known.sound.rate)
        return self.chunk(value)
