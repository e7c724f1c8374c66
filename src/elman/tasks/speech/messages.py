"""What clients send to a served recogniser: sound, or precomputed features."""

from collections.abc import Mapping
from typing import Any, ClassVar

from elman.tasks.messages import Messages, numbers
from elman.tasks.session import Session
from elman.tasks.sound_messages import sound


class SpeechMessages(Messages):
    """Samples as they arrive, or sound as a whole. Options that name files are not for clients."""

    session_options: ClassVar[tuple[str, ...]] = (
        *("rate", "n", "hot_words", "lm_weight", "pause", "partial"),
    )
    predict_options: ClassVar[tuple[str, ...]] = ("n", "hot_words", "lm_weight", "pause")
    most_input: ClassVar[int | None] = None  # a session's memory does not grow

    @property
    def reads(self) -> dict[str, Any]:
        """Sound at a `rate`, or features of a `width`."""
        acoustic = self.task.acoustic
        if acoustic is None:
            return {"kind": "features", "width": self.task.preprocessing.features}
        return {"kind": "sound", "rate": acoustic.rate}

    @property
    def answers(self) -> dict[str, Any]:
        """A text whose words have times."""
        return {"kind": "transcript"}

    @property
    def speech_rate(self) -> int | None:
        """That of the training sounds; None of a model that reads precomputed features."""
        acoustic = self.task.acoustic
        return None if acoustic is None else int(acoustic.rate)

    def session(self, options: Mapping[str, Any], state: Mapping[str, Any] | None) -> Session:
        """A session; its partial texts are greedy by default."""
        return super().session({"partial": "greedy", **options}, state)

    def chunk(self, value: Any) -> Any:
        """Samples (N,), or features (t, F)."""
        return numbers(value)

    def seconds(self, chunk: Any, options: Mapping[str, Any]) -> float:
        """Of samples by their rate, of features by the time between them."""
        acoustic, count = self.task.acoustic, len(chunk)
        if acoustic is None:
            return float(count * self.task.settings.step_seconds / self.task.settings.stack)
        return float(count / (options.get("rate") or acoustic.rate))

    def whole(self, value: Any) -> Any:
        """Sound, see `sound_messages`, or features (T, F)."""
        acoustic = self.task.acoustic
        return numbers(value) if acoustic is None else sound(value, acoustic.rate)
