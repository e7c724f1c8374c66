"""What a task reads of a table's row, and what it adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TableColumns:
    """The columns of a task that answers a table row by row.

    - `inputs`: names of the columns that it reads; a string of digits may be a position from 0.
    - `answers`: the columns that it adds, each with the Python type of its values: `str`, `float`,
      `list[str]`.
    - `options`: those of `predictions` that change no column.
    """

    inputs: tuple[str, ...]
    answers: Mapping[str, Any]
    options: tuple[str, ...] = ()
