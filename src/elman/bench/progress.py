"""What shows that comparisons go on: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from elman.bench.compare import Comparison
from elman.progress import terminal

_LINE_SECONDS = 5.0


def shown(comparisons: Sequence[Comparison]) -> Iterator[Comparison]:
    """The comparisons one by one, each named on standard error while it is made."""
    console = terminal()
    if console is not None:
        yield from _on_a_bar(comparisons, console)
        return
    last = time.monotonic()
    for number, comparison in enumerate(comparisons, 1):
        if time.monotonic() - last >= _LINE_SECONDS:
            last = time.monotonic()
            line = f"comparison {number}/{len(comparisons)}  {comparison.title}"
            print(line, file=sys.stderr, flush=True)
        yield comparison


def _on_a_bar(comparisons: Sequence[Comparison], console: Console) -> Iterator[Comparison]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,  # a thread for it would take time from what is measured
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task("", total=len(comparisons))
        for number, comparison in enumerate(comparisons):
            bar.update(task, completed=number, description=comparison.title, refresh=True)
            yield comparison
        bar.update(task, completed=len(comparisons), description="", refresh=True)
