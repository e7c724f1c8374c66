"""What one source of pairs holds, before its texts are checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Column: TypeAlias = str | int | None


@dataclass(frozen=True)
class Rows:
    """Values of the two sides, and where each stands.

    **Fields:** as of `Pairs`, the values not yet known to be texts.
    """

    sources: Sequence[Any]
    targets: Sequence[Any] | None
    names: list[str]
    left_out: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What of a source is to be read.

    **Fields:**

    - `source`, `target`: columns by name or position, or languages; None to find them.
    - `labelled`: whether targets are read, too.
    - `encoding`, `delimiter`: of text files; found if None.
    """

    source: Column
    target: Column
    labelled: bool
    encoding: str | None = None
    delimiter: str | None = None
