"""What is being done before and after training: shown where it takes more than a second."""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_FIRST_SECONDS = 1.0
_BAR_SECONDS = 0.1
_LINE_SECONDS = 5.0


class _Stage:
    """A piece of work, and a thread that shows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done, self.total = 0, 0
        self.is_shown = False
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Show no more."""
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        if self._over.wait(_FIRST_SECONDS):
            return
        console = terminal()
        if console is not None:
            self._show_bar(console)
            return
        self._print("...")
        while not self._over.wait(_LINE_SECONDS):
            if self.total:
                self._print(f"{self.done:,} of {self.total:,}")
        self._print(f"{time.monotonic() - self._began:.0f} s")

    def _show_bar(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True) as bar:
            shown = bar.add_task(self.name, total=None)
            while not self._over.wait(_BAR_SECONDS):
                bar.update(shown, completed=self.done, total=self.total or None)

    def _print(self, text: str) -> None:
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)


_present: ContextVar[_Stage | None] = ContextVar("_present", default=None)


@contextmanager
def stage(name: str, *, shown: bool) -> Iterator[None]:
    """Show what is done within, if it takes more than a second: a bar on a terminal, else lines.

    Nothing is shown where not `shown`.

    >>> with stage("reading the data", shown=True):
    ...     rows = [row for row in counted(range(3), 3)]
    """
    if not shown:
        yield
        return
    present = _Stage(name)
    before = _present.set(present)
    try:
        yield
    finally:
        _present.reset(before)
        present.end()


def counted(items: Iterable[T], total: int) -> Iterator[T]:
    """The items, of which there are `total`, counted in the present stage if there is one."""
    present = _present.get()
    if present is not None:
        present.done, present.total = 0, total
    for item in items:
        yield item
        if present is not None:
            present.done += 1


def tell(done: int, total: int) -> None:
    """Say of the present stage, if there is one, how far it is."""
    present = _present.get()
    if present is not None:
        present.done, present.total = done, total


def terminal() -> "Console | None":
    """The terminal that standard error is; None where it is none that can move its cursor."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from rich.console import Console

    return Console(stderr=True, highlight=False)
