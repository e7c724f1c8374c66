"""What clients send to a served task that reads texts alone."""

from typing import Any

from elman.tasks.messages import Messages, text


class TextMessages(Messages):
    """Texts as strings, in pieces or whole."""

    @property
    def reads(self) -> dict[str, Any]:
        """A text."""
        return {"kind": "text"}

    def chunk(self, value: Any) -> str:
        """More of the text."""
        return text(value)

    def whole(self, value: Any) -> str:
        """A text."""
        return text(value)
