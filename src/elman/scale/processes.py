"""Jobs shared out to processes, one job at a time to each."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeAlias, cast

from elman.errors import DataError, ElmanError, WorkerError, WorkerLostError
from elman.scale.sources import Source

Told: TypeAlias = tuple[int, int]
Work: TypeAlias = Callable[[Source], Generator[Told]]
_LAST_SECONDS = 10.0  # that a process has to clear up
_THREADS = "OMP_NUM_THREADS"


def each_done(work: Work, jobs: Sequence[Source], count: int) -> Iterator[Told]:
    """Do all jobs by `count` processes, or by this one if that is 1; gives what `work` tells.

    Where the data of some jobs are wrong, the others are done first. Any other error, and the end
    of a process, ends all.
    """
    wrong: list[DataError] = []
    if count <= 1:
        yield from _here(work, jobs, wrong)
    else:
        with _Processes(work, count) as processes:
            yield from processes.do(jobs, wrong)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        raise DataError(f"{len(wrong)} of {len(jobs)} files have failed: {wrong[0]}")


def _here(work: Work, jobs: Sequence[Source], wrong: list[DataError]) -> Iterator[Told]:
    for job in jobs:
        try:
            yield from work(job)
        except DataError as error:
            wrong.append(error)


class _Processes:
    """Processes that wait for jobs; within its `with` block they live."""

    def __init__(self, work: Work, count: int) -> None:
        self._work, self._count = work, count
        self._processes: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> "_Processes":
        context = multiprocessing.get_context("spawn")
        is_set = _THREADS in os.environ
        if not is_set:
            os.environ[_THREADS] = str(max(1, (os.cpu_count() or 1) // self._count))
        try:
            for _ in range(self._count):
                here, there = context.Pipe()
                process = context.Process(target=_serve, args=(self._work, there), daemon=True)
                process.start()
                there.close()
                self._processes[here] = process
        finally:
            if not is_set:
                del os.environ[_THREADS]
        return self

    def do(self, jobs: Sequence[Source], wrong: list[DataError]) -> Iterator[Told]:
        """Hand out the jobs; gives what is told of them."""
        left = list(reversed(jobs))
        at: dict[Connection, Source] = {}
        for connection in self._processes:
            at[connection] = left.pop()
            connection.send(at[connection])
        while at:
            for ready in wait(list(at)):
                connection = cast("Connection", ready)
                told = self._received(connection, at[connection])
                if isinstance(told, tuple):
                    yield told
                    continue
                if isinstance(told, DataError):
                    wrong.append(told)
                elif told is not None:
                    raise told
                del at[connection]
                if left:
                    at[connection] = left.pop()
                    connection.send(at[connection])

    def _received(self, connection: Connection, job: Source) -> Any:
        try:
            return connection.recv()
        except (EOFError, ConnectionError):
            process = self._processes[connection]
            process.join(_LAST_SECONDS)
            code = process.exitcode or 0
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            raise WorkerLostError(
                f"the process that predicted {job.path} {how}; run the same command to continue"
            ) from None

    def __exit__(self, *error: object) -> None:
        for connection in self._processes:
            connection.close()  # which ends a process at its next batch
        for process in self._processes.values():
            process.join(_LAST_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()


def _serve(work: Work, connection: Connection) -> None:
    """Do the jobs that come, until the other end is closed; Ctrl-C is for the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, ConnectionError):
        while True:
            job = connection.recv()
            try:
                with closing(work(job)) as done:
                    for told in done:
                        connection.send(told)
            except ConnectionError:
                raise
            except ElmanError as error:
                connection.send(error)
            except Exception as error:
                connection.send(WorkerError(f"{job.path}: {type(error).__name__}: {error}"))
            else:
                connection.send(None)
