"""What clients send to a served recogniser of video: frames."""

from typing import Any, ClassVar

from elman.tasks.messages import Messages, numbers


class VideoMessages(Messages):
    """Frames as arrays, (n, H, W, C) or (n, H, W), of uint8 or floats from 0 to 1."""

    session_options: ClassVar[tuple[str, ...]] = ("rate",)

    def chunk(self, value: Any) -> Any:
        """One frame or more."""
        return numbers(value)

    def whole(self, value: Any) -> Any:
        """A clip."""
        return numbers(value)
