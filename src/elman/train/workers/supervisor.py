"""Starts the workers of a run on this machine, and all of them again where one was killed."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from elman.folders import CHECKPOINT
from elman.train.workers.environment import LISTENING, LOST, PARENT

_IDLE_STARTS = 3  # in a row that may end without a new checkpoint
_LAST_WORDS = 10.0  # seconds that workers have to end by themselves after one has ended
_POLL = 0.05
_TOLD = (0, 2, LOST, -signal.SIGKILL, 128 + signal.SIGINT, 128 + signal.SIGTERM)
_LOOPBACK = ("lo", "lo0")


def supervise(
    command: Callable[[bool], Sequence[str]], workers: int, folder: Path, *, resume: bool
) -> int:
    """Run a command as several workers until all end well; gives the exit status.

    Where a worker is killed, or lost by the others, all are started again from the checkpoint.
    A worker that ends with an error ends the run. SIGINT and SIGTERM go on to all workers.

    **Arguments:**

    - `command`: the words of the command, whether to resume or not.
    - `folder`: the run's, by whose checkpoints a start that came farther is known.
    - `resume`: whether the first start resumes.
    """
    before = written = _checkpoints(folder)
    idle = 0
    with _Signals() as signals:
        while True:
            goes_on = resume or _checkpoints(folder) != before
            gang = _Gang(command(goes_on), workers)
            try:
                status = gang.watch(signals)
            finally:
                gang.kill()
            if status is None or signals.number is not None or not _is_loss(status):
                return _status(status, signals.number)
            now = _checkpoints(folder)
            idle = idle + 1 if now == written else 0
            written = now
            if idle >= _IDLE_STARTS:
                _say(f"error: {gang.words}; no start of {idle} in a row came to a checkpoint")
                return LOST
            whence = "the last checkpoint" if goes_on or now != before else "the beginning"
            _say(f"{gang.words}; all {workers} start again from {whence}")


class _Gang:
    """The processes of one start."""

    def __init__(self, command: Sequence[str], size: int) -> None:
        self.words = ""
        self._pipe, self._held = os.pipe()  # closed by the system if this process is killed
        self.processes: list[subprocess.Popen[bytes]] = []
        self.errors = [tempfile.TemporaryFile() for _ in range(1, size)]  # noqa: SIM115
        with closing(socket.socket()) as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(size)
            port = listening.getsockname()[1]
            for rank in range(size):
                passed = [self._pipe, *([listening.fileno()] if rank == 0 else [])]
                self.processes.append(
                    subprocess.Popen(
                        command,
                        env=_environment(rank, size, port, listening.fileno(), self._pipe),
                        stdin=subprocess.DEVNULL,
                        stdout=None if rank == 0 else subprocess.DEVNULL,
                        stderr=None if rank == 0 else self.errors[rank - 1],
                        pass_fds=passed,
                        start_new_session=True,  # a terminal's Ctrl-C reaches them once, from here
                    )
                )
        os.close(self._pipe)

    def watch(self, signals: "_Signals") -> int | None:
        """The exit status of the worker that ended first with one; None where all ended well."""
        first: int | None = None
        end = float("inf")
        while True:
            signals.pass_on(self.processes)
            codes = [process.poll() for process in self.processes]
            failed = [rank for rank, code in enumerate(codes) if code not in (None, 0)]
            if failed and first is None:
                first = codes[failed[0]]
                end = time.monotonic() + (0.0 if (first or 0) < 0 else _LAST_WORDS)
                self.words = _ended(failed[0], len(codes), first)
            if all(code is not None for code in codes) or time.monotonic() > end:
                return self._verdict(codes, first)
            time.sleep(_POLL)

    def _verdict(self, codes: Sequence[int | None], first: int | None) -> int | None:
        """What ended them: an error of one, before the loss that it was to others."""
        errors = [code for code in codes if code not in (None, 0) and not _is_loss(code)]
        return errors[0] if errors else first

    def kill(self) -> None:
        """End what is still running, and print what the first worker did not of the others."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        codes = [process.wait() for process in self.processes]
        os.close(self._held)
        for code, said in zip(codes[1:], self.errors, strict=True):
            with said:
                if _is_loss(codes[0]) or code not in _TOLD:
                    said.seek(0)
                    sys.stderr.write(said.read().decode(errors="replace"))
        sys.stderr.flush()


class _Signals:
    """Within its `with` block SIGINT and SIGTERM are remembered, to be passed on."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._count = self._passed = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.number, self._count = signum, self._count + 1

    def pass_on(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        """Send the workers what has come since the last call; the third time is for good."""
        while self._passed < self._count:
            self._passed += 1
            number = signal.SIGKILL if self._passed > 2 else self.number
            for process in processes:
                process.send_signal(number or signal.SIGTERM)

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _environment(rank: int, size: int, port: int, listening: int, pipe: int) -> dict[str, str]:
    """The variables by which a process knows which worker it is; see `place`."""
    variables = dict(os.environ)
    for name in ("RANK", "LOCAL_RANK"):
        variables[name] = str(rank)
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        variables[name] = str(size)
    variables.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), **{PARENT: str(pipe)})
    variables[LISTENING] = str(listening)
    variables.setdefault(
        "TORCH_CPP_LOG_LEVEL", "ERROR"
    )  # else lost connections are shown at length
    names = {name for _, name in socket.if_nameindex()}
    if loopback := [name for name in _LOOPBACK if name in names]:
        variables.setdefault("GLOO_SOCKET_IFNAME", loopback[0])
    return variables


def _is_loss(status: int | None) -> bool:
    return status is not None and (status < 0 or status == LOST)


def _status(status: int | None, signum: int | None) -> int:
    if signum is not None and status is not None and status < 0:
        return 128 + signum
    return status or 0


def _ended(rank: int, size: int, status: int | None) -> str:
    """In words, how a worker ended."""
    if status is None or status >= 0:
        return f"worker {rank} of {size} ended with status {status}"
    with suppress(ValueError):
        return f"worker {rank} of {size} was killed by {signal.Signals(-status).name}"
    return f"worker {rank} of {size} was killed by signal {-status}"


def _checkpoints(folder: Path) -> list[tuple[str, int, int]]:
    """What changes with every checkpoint that is written; those of further seeds are in folders."""
    found = []
    for path in (folder / CHECKPOINT, *folder.glob(f"*/{CHECKPOINT}")):
        with suppress(OSError):
            state = path.stat()
            found.append((str(path), state.st_ino, state.st_mtime_ns))
    return found


def _say(words: str) -> None:
    print(f"elman: {words}", file=sys.stderr, flush=True)
