"""Unreadable inputs: left out, told, and answered by None in their place."""

import warnings
from typing import Any

from elman.data import Examples

_MOST_NAMED = 3


def in_place(values: list[Any], examples: Examples, nothing: Any = None) -> list[Any]:
    """The values of the examples with `nothing` where one was left out."""
    for position in sorted(examples.left_out):
        values.insert(position, nothing)
    return values


def warn(examples: Examples) -> None:
    """Warn of what is left out of training or evaluation."""
    reasons = list(examples.left_out.values())
    more = f" and {len(reasons) - _MOST_NAMED} more" if len(reasons) > _MOST_NAMED else ""
    warnings.warn(
        f"{len(reasons)} of {len(reasons) + len(examples)} recordings are left out:"
        f" {'; '.join(reasons[:_MOST_NAMED])}{more}",
        stacklevel=3,
    )
