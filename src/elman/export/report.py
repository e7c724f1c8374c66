"""What an export reports: errors of each graph, sizes, and int8's metrics."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checked:
    """How far one graph's numbers are from the model's.

    - `error`: the largest difference of an output, relative to its largest absolute value.
    - `where`: in which case; `cases`: how many there were.
    - `limit`: what was allowed in that case.
    """

    graph: str
    error: float
    where: str
    cases: int
    limit: float

    def __str__(self) -> str:
        return (
            f"{self.graph}: {self.cases} cases, largest relative error {self.error:.1e} (limit"
            f" {self.limit:.0e}; {self.where})"
        )


@dataclass(frozen=True)
class Exported:
    """What was written, and the comparison with the model.

    - `files`: the files' paths; `preprocess.json` is the last.
    - `checked`: of each graph how near its numbers are.
    - `notes`: what else is to be known, such as a metric with int8 weights.
    """

    files: tuple[Path, ...]
    checked: tuple[Checked, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sizes = [f"{path} ({path.stat().st_size / 1000:,.1f} kB)" for path in self.files]
        return "\n".join([*sizes, *map(str, self.checked), *self.notes])
