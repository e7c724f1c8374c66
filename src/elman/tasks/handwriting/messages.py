"""What clients send to a served recogniser of handwriting: ink."""

from typing import Any, ClassVar

from elman.errors import DataError
from elman.tasks.ink_messages import MOST_POINTS, InkMessages
from elman.tasks.messages import numbers


class HandwritingMessages(InkMessages):
    """Points as they are drawn, (n, 2), with the option `new_stroke`; or ink as a whole."""

    chunk_options: ClassVar[tuple[str, ...]] = ("new_stroke",)
    most_input: ClassVar[int | None] = 16 * MOST_POINTS  # all is read again after each chunk

    def chunk(self, value: Any) -> Any:
        """Points (n, 2) that go on with the stroke."""
        points = numbers(value)
        if points.ndim != 2 or points.shape[1] != 2:
            raise DataError(f"points are (n, 2), x and y, not {points.shape}")
        return points
