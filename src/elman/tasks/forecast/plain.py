"""Values and calendars as JSON has them, and back."""

from typing import Any

import numpy as np

from elman.data.calendar import Calendar


def plain(value: Any) -> Any:
    """A value of a table as JSON has it.

    >>> plain(np.datetime64("2024-01-31")), plain(np.int64(3))
    ('2024-01-31', 3)
    """
    if isinstance(value, np.datetime64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def calendar_config(calendar: Calendar) -> dict[str, Any]:
    """A calendar's fields."""
    origin = calendar.origin
    return {
        "kind": calendar.kind,
        "step": calendar.step,
        "origin": str(origin) if calendar.kind != "number" else int(origin),
        "at_end": calendar.at_end,
    }


def calendar_from(config: dict[str, Any]) -> Calendar:
    """A calendar of such fields.

    >>> hours = Calendar("seconds", 3600, np.datetime64("2024-01-01T00:00:00"))
    >>> calendar_from(calendar_config(hours)) == hours
    True
    """
    origin = config["origin"]
    if config["kind"] != "number":
        origin = np.datetime64(origin, "s")
    return Calendar(config["kind"], config["step"], origin, config["at_end"])
