"""Problems that a check of data finds, and their summary."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

_MOST_SHOWN = 20


@dataclass(frozen=True)
class DataProblem:
    """What is wrong with one sample.

    **Fields:**

    - `index`, `name`: which; of an unreadable one its place in the source.
    - `kind`: what; those of `fatal` leave the sample out.
    - `message`: the same in words.
    """

    fatal: ClassVar[frozenset[str]]

    index: int
    name: str
    kind: str
    message: str

    @property
    def is_fatal(self) -> bool:
        """Whether nothing can be learned from it: it is left out."""
        return self.kind in self.fatal


def told(problems: Sequence[DataProblem]) -> list[str]:
    """How many there are of each kind, and the first of them, a line each."""
    if not problems:
        return ["nothing is wrong with them"]
    is_fatal = {problem.kind: problem.is_fatal for problem in problems}
    lines = [
        f"{count:,} {kind}{', left out' if is_fatal[kind] else ''}"
        for kind, count in Counter(problem.kind for problem in problems).most_common()
    ]
    lines += [f"  {p.name}: {p.message}" for p in problems[:_MOST_SHOWN]]
    if len(problems) > _MOST_SHOWN:
        lines.append(f"  and {len(problems) - _MOST_SHOWN:,} more")
    return lines
