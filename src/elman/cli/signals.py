"""Ctrl-C and SIGTERM of the command line while no training has taken them over.

The command line imports this module first. From then until `imported`, and within `raised` while a
module is imported, either signal ends the process with a line that says so: an exception could be
lost within the import of an extension module. This module imports nothing that takes long.
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
_USUAL: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
_IMPORT = "<frozen importlib._bootstrap>"


def imported() -> None:
    """What the command line itself needs is imported: signals act as before."""
    for number, handler in _USUAL.items():
        if _is_main() and signal.getsignal(number) is _exit:
            signal.signal(number, handler)


@contextmanager
def raised() -> Iterator[None]:
    """Within, SIGTERM raises `Interrupted` and Ctrl-C KeyboardInterrupt; where the process has a
    handler of its own, or ignores the signal, nothing is changed."""
    taken = [number for number in _USUAL if _is_usual(number)]
    for number in taken:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, _USUAL[number])


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_usual(number: signal.Signals) -> bool:
    return _is_main() and signal.getsignal(number) == _USUAL[number]


def _raise(signum: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            _exit(signum, None)
        frame = frame.f_back
    raise Interrupted(signum)


def _exit(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os.write(2, f"{MESSAGE}\n".encode())
    os._exit(128 + signum)


for _number in _USUAL:
    if _is_usual(_number):
        signal.signal(_number, _exit)
