"""What a run shows: a bar on a terminal, else plain lines, both on standard error."""

import math
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from elman.progress import terminal

_BAR_SECONDS = 0.1
_LINE_SECONDS = 5.0
_LINES = 12  # that the time left is estimated from


class Display:
    """Shows steps at most ten times a second on a terminal, else a line every five seconds.

    **Arguments:**

    - `total`: steps of the whole run.
    - `done`: steps done already, by an earlier process.
    - `seen`: tokens, frames or examples seen already.
    - `unit`: what is counted.
    - `shown`: False for nothing at all.
    """

    def __init__(self, total: int, done: int, seen: int, *, unit: str, shown: bool) -> None:
        self._total = total
        self._first = seen
        self._unit = unit
        self._began = self._last = time.monotonic()
        self._console = terminal() if shown else None
        self._shown = shown
        self._newest = (done, 0.0, math.nan, seen, 0.0)
        self._position = float(done)
        self._marks = deque([(0.0, self._position)], maxlen=_LINES)
        self._bar: Progress | None = None
        if self._console is not None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[steps]}"),
                TimeRemainingColumn(),
                console=self._console,
                auto_refresh=False,
            )
            self._task = self._bar.add_task(
                "", total=total, completed=done, steps=f"{done}/{total}"
            )

    def step(
        self, step: int, epoch: float, loss: float, seen: int, clipped: float, position: float
    ) -> None:
        """A step is done; shows it if the last thing shown is old enough.

        `position`: where that is in the plan's steps, farther than `step` where time is short.
        """
        if not self._shown:
            return
        self._newest = (step, epoch, loss, seen, clipped)
        self._position = position
        now = time.monotonic()
        if now - self._last >= (_LINE_SECONDS if self._bar is None else _BAR_SECONDS):
            self._last = now
            self._show()

    def begin(self, total: int, position: float, seen: int) -> None:
        """The plan has another length, or the run began again: the time left is estimated again."""
        self._total, self._position, self._first = total, position, seen
        self._began = time.monotonic()
        self._marks = deque([(0.0, position)], maxlen=_LINES)
        if self._bar is not None:
            self._bar.reset(self._task, total=total, completed=int(position))

    def _show(self) -> None:
        step, epoch, loss, seen, clipped = self._newest
        seconds = max(time.monotonic() - self._began, 1e-9)
        speed = f"{(seen - self._first) / seconds:,.0f} {self._unit}/s"
        text = f"epoch {epoch:.2f}  loss {loss:.4f}  {speed}  clipped {clipped:.0%}"
        if self._bar is None:
            self._marks.append((seconds, self._position))
            text += f"  {timedelta(seconds=round(self._left()))} left"
            print(f"step {step}/{self._steps(step)}  {text}", file=sys.stderr, flush=True)
        else:
            self._bar.update(
                self._task,
                completed=self._position,
                steps=f"{step}/{self._steps(step)}",
                description=text,
            )
            self._bar.refresh()

    def _left(self) -> float:
        """Seconds to the end at the speed of the last lines."""
        (before, first), (now, last) = self._marks[0], self._marks[-1]
        return (now - before) * (self._total - last) / max(last - first, 1e-9)

    def _steps(self, step: int) -> int:
        """Of all steps, as many as there is time for."""
        if self._position <= step:
            return self._total
        return max(step, round(step * self._total / self._position))

    def evaluation(self, step: int, epoch: float, metrics: Mapping[str, float], best: bool) -> None:
        """An evaluation is done; always shown, on a line of its own."""
        values = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        text = f"epoch {epoch:.2f}  {values}{'  (best)' if best else ''}"
        self._line(f"step {step}/{self._steps(step)}  {text}")

    def warning(self, words: str) -> None:
        """Something is wrong; shown on a line of its own."""
        self._line(f"warning: {words}", style="yellow")

    def note(self, words: str) -> None:
        """What the run does next; shown on a line of its own."""
        self._line(words)

    def _line(self, words: str, style: str | None = None) -> None:
        if self._console is not None:
            self._console.print(words, style=style, markup=False)
        elif self._shown:
            print(words, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._show()
            self._bar.stop()
