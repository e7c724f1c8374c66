"""What clients send to a served recogniser of handwriting: ink."""

from typing import Any, ClassVar

from elman.errors import DataError
from elman.tasks.ink_messages import MOST_POINTS, InkMessages
from elman.tasks.messages import numbers


class HandwritingMessages(InkMessages):
    """Points as they are drawn, (n, 2), with the option `new_stroke`; or ink as a whole."""

    chunk_options: ClassVar[tuple[str, ...]] = ("new_stroke",)
    predict_options: ClassVar[tuple[str, ...]] = ("n",)
    most_input: ClassVar[int | None] = 16 * MOST_POINTS  # all is read again after each chunk

    @property
    def answers(self) -> dict[str, Any]:
        """A symbol of some, or a text."""
        labels = self.task.preprocessing.labels
        is_text = self.task.preprocessing.is_text
        return {"kind": "text"} if is_text else {"kind": "labels", "labels": labels}

    def chunk(self, value: Any) -> Any:
        """Points (n, 2) that continue with the stroke."""
        points = numbers(value)
        if points.ndim != 2 or points.shape[1] != 2:
            raise DataError(f"points are (n, 2), x and y, not {points.shape}")
        return points
