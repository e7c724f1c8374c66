"""What clients send to a served language model: texts."""

from typing import Any, ClassVar

from elman.tasks.text_messages import TextMessages


class LanguageMessages(TextMessages):
    """A text to continue from; whole texts are scored."""

    session_options: ClassVar[tuple[str, ...]] = (
        *("length", "temperature", "top_k", "top_p", "seed", "stop"),
    )
    writes_on: ClassVar[bool] = True

    @property
    def answers(self) -> dict[str, Any]:
        """The text that follows."""
        return {"kind": "writing"}
