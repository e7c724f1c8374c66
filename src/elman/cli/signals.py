"""Ctrl-C and SIGTERM of the command line while no training has taken them over.

The command line imports this module first: from then until `imported` is called either signal ends
the process with a line that says so. It imports nothing that takes long.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from elman.errors import Interrupted

MESSAGE = "elman: interrupted; no file is half-written, and the same command can be given again"
_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_before: dict[signal.Signals, Any] = {}


def imported() -> None:
    """All is imported: signals act as before."""
    while _before:
        signal.signal(*_before.popitem())


@contextmanager
def raised() -> Iterator[None]:
    """Within, SIGTERM raises `Interrupted`, as Ctrl-C raises KeyboardInterrupt; where the process
    has a handler of its own, or ignores the signal, nothing is changed."""
    if not _is_usual(signal.SIGTERM):
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _is_usual(number: signal.Signals) -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(number) == _USUAL[number]


def _raise(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise Interrupted(signum)


def _exit(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(128 + signum)


for _number in _USUAL:
    if _is_usual(_number):
        _before[_number] = signal.signal(_number, _exit)
