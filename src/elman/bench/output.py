"""Comparisons made, and shown as they are asked for."""

from collections.abc import Sequence
from pathlib import Path

from elman.bench import lines, markdown, plot, progress
from elman.bench.compare import Comparison
from elman.errors import SettingsError
from elman.files import check_picture


def report(
    comparisons: Sequence[Comparison],
    seconds: float,
    *,
    as_json: bool = False,
    as_markdown: bool = False,
    plot_path: Path | None = None,
) -> None:
    """Make the comparisons and print them, as they come unless `as_markdown`; then the picture."""
    if as_json and as_markdown:
        raise SettingsError("--json and --markdown exclude each other")
    if plot_path is not None:
        check_picture(plot_path)
    rows = (row for each in progress.shown(comparisons) for row in each.rows(seconds))
    made = list(rows if as_markdown else lines.printed(rows, as_json=as_json))
    if not made:
        raise SettingsError("there is nothing to compare: no rival can do these modes and cells")
    if as_markdown:
        print(markdown.tables(made))
    if plot_path is not None:
        plot.save(made, plot_path)
