"""Inputs that cannot be read: left out, and answered for in their place."""

import warnings
from collections.abc import Callable, Iterable
from typing import TypeVar

from elman.tasks.protocols import Dataset

V = TypeVar("V")
_MOST_NAMED = 3


def in_place(values: Iterable[V], data: Dataset, instead: Callable[[str], V]) -> list[V]:
    """The values of the inputs; where one was left out, what `instead` makes of the reason."""
    found = list(values)
    for position, reason in sorted(data.left_out.items()):
        found.insert(position, instead(reason))
    return found


def warn(data: Dataset) -> None:
    """Warn of what is left out of training or evaluation."""
    reasons = list(data.left_out.values())
    more = f" and {len(reasons) - _MOST_NAMED} more" if len(reasons) > _MOST_NAMED else ""
    warnings.warn(
        f"{len(reasons)} of {len(reasons) + len(data)} recordings are left out:"
        f" {'; '.join(reasons[:_MOST_NAMED])}{more}",
        stacklevel=3,
    )
