"""What clients send to a served task that reads ink."""

from typing import Any

from elman.data import Ink
from elman.data.ink.formats.strokes_json import ink_of_json
from elman.errors import DataError
from elman.tasks.messages import Messages

MOST_POINTS = 20_000


class InkMessages(Messages):
    """Ink as a list of strokes, each a list of points `[x, y]` or
    `[x, y, milliseconds, pressure]`; y grows downwards."""

    @property
    def reads(self) -> dict[str, Any]:
        """Strokes."""
        return {"kind": "ink", "most": MOST_POINTS}

    def whole(self, value: Any) -> Ink:
        """A piece of ink."""
        return ink(value)


def ink(value: Any) -> Ink:
    """Ink from strokes of JSON; DataError for ink without points, or of too many.

    >>> ink([[[0, 0], [3, 4]], [[5, 5]]]).starts.tolist()
    [0, 2]
    """
    if not isinstance(value, list | dict):
        raise DataError(f"ink is a list of strokes, not a {type(value).__name__}")
    try:
        found = ink_of_json(value, "the ink")
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"the ink is not a list of strokes: {error}") from None
    if not 0 < len(found) <= MOST_POINTS:
        raise DataError(f"the ink has {len(found):,} points: 1 to {MOST_POINTS:,} are read")
    return found
