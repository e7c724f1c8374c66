"""The task `Classify` on the command line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from elman.tasks.classify.settings import ClassifySettings
from elman.tasks.commands import Commands, EvaluateFlags, Part

if TYPE_CHECKING:
    from rich.table import Table

    from elman.tasks.classify.report import Report
    from elman.tasks.classify.task import Classify

MOST_CLASSES = 20  # of a table of confusions


class Evaluate(EvaluateFlags):
    """Metrics, and what was taken for what."""

    def run(self, task: "Classify", data: str, *, as_json: bool) -> Iterator[Part]:
        """The metrics, then the table."""
        report = task.report(data)
        yield report.metrics
        if report.confusion is not None and not as_json:
            yield confusion(report)


def confusion(report: "Report") -> "Table | str":
    """How often each true label (row) was taken for each (column)."""
    from rich.table import Table

    assert report.confusion is not None
    if len(report.labels) > MOST_CLASSES:
        count = len(report.labels)
        return f"({count} classes: too many for a table of what was taken for what)\n"
    table = Table("true \\ predicted", *report.labels)
    for label, row in zip(report.labels, report.confusion, strict=True):
        table.add_row(label, *map(str, row))
    return table


COMMANDS = Commands(
    ClassifySettings,
    """Train a classifier of texts, of spoken words and other sound, or of feature vectors.

    Example: `elman train classify --data reviews.csv --text review --label stars`
    """,
    evaluate=Evaluate,
    data_settings=("text", "label", "features", "path", "separator"),
    reads=("text", "table", "sound"),
)
