"""What clients send to a served classifier: a text, feature vectors or sound."""

from typing import Any, ClassVar

from elman.tasks.messages import Messages, numbers, text
from elman.tasks.sound_messages import sound


class ClassifyMessages(Messages):
    """Texts as strings, steps of features as (t, F), sound as samples or a file."""

    session_options: ClassVar[tuple[str, ...]] = ("rate",)

    def chunk(self, value: Any) -> Any:
        """More of the text, features (t, F), or samples (N,)."""
        return text(value) if self.task.preprocessing.vocabulary is not None else numbers(value)

    def whole(self, value: Any) -> Any:
        """A text, features (T, F), or sound, see `sound_messages`."""
        known = self.task.preprocessing
        if known.sound is not None:
            return sound(value, known.sound.rate)
        return self.chunk(value)
