"""Ctrl-C and SIGTERM taken as a wish to stop after the present step."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class StopRequest:
    """Within its `with` block the first SIGINT or SIGTERM only sets `signum`.

    The earlier handlers are back at once, so that a second one acts as it would have without us.
    Outside the main thread, and for signals that the process ignores, nothing is changed.
    """

    def __init__(self, *, announce: bool) -> None:
        self.signum: int | None = None
        self._announce = announce
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (None, signal.SIG_IGN):
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.signum = signum
        self._restore()
        if self._announce:
            os.write(2, b"\nstopping after this step; once more stops at once\n")

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()
