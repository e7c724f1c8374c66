"""What clients send to a served recogniser of video: frames."""

from typing import Any, ClassVar

from elman.tasks.messages import Messages, numbers


class VideoMessages(Messages):
    """Frames as arrays, (n, H, W, C) or (n, H, W), of uint8 or floats from 0 to 1."""

    session_options: ClassVar[tuple[str, ...]] = ("rate",)

    @property
    def reads(self) -> dict[str, Any]:
        """Frames: `rate` a second and `size`, (height, width), that they are brought to."""
        known, settings = self.task.preprocessing, self.task.settings
        needed = settings.inputs if settings.kind == "predict" else 1
        pixels = known.pixels
        size = (pixels.height, pixels.width)
        return {"kind": "frames", "rate": known.format.rate, "size": size, "needed": needed}

    @property
    def answers(self) -> dict[str, Any]:
        """A label of some, or several, events with such labels, or the frames that follow."""
        kind, known = self.task.settings.kind, self.task.preprocessing
        if kind == "predict":
            return {"kind": "frames", "horizon": self.task.settings.horizon}
        if kind == "events":
            return {"kind": "events", "labels": known.labels}
        return {"kind": "labels", "labels": known.labels, "several": known.several}

    def chunk(self, value: Any) -> Any:
        """One frame or more."""
        return numbers(value)

    def whole(self, value: Any) -> Any:
        """A clip."""
        return numbers(value)
