"""Joining the other workers of a run, and telling them where this one fails."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from elman.errors import WorkerError, WorkerLostError
from elman.train.types import TrainingInterrupted
from elman.train.workers.environment import LISTENING, PARENT, Place, place, restarts
from elman.train.workers.one_process import OneProcess

LIMIT = 1800.0  # seconds that workers wait for one another


@contextmanager
def joined(limit: float = LIMIT) -> Iterator[OneProcess]:
    """Within, this process is the worker that its environment names; else it is a run of its own.

    The environment is that of `torchrun`, or of `elman train --workers`. What is given is for the
    argument `workers` of `fit`. An error that is raised within is sent to the other workers.

    **Arguments:** `limit`: the longest time in seconds that a worker waits for another one, to join
    or within a step or an evaluation.

    **Raises:** `SettingsError` for an environment that is not whole, `WorkerLostError` where worker
    0 cannot be reached or others do not join.

    >>> with joined() as workers:
    ...     workers.rank, workers.size
    (0, 1)
    """
    here = place()
    if here is None or here.size == 1:
        _end_with_parent()
        yield OneProcess()
        return
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # else every attempt to connect is shown
    _end_with_parent()
    import torch
    import torch.distributed as dist

    from elman.train.workers.process_group import joined_group

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)  # as many as any number of workers has
    where = f"worker {here.rank} of {here.size}"
    try:
        store = _store(here, limit)
        workers = joined_group(here, store, limit)
    except RuntimeError as error:
        words = " ".join(str(error).split())[:300]
        raise WorkerLostError(
            f"{where} could not join the others by {here.host}:{here.port} within {limit:g} s: is"
            f" worker 0 running there, and are there {here.size} workers? ({words})"
        ) from None
    try:
        yield workers
    except TrainingInterrupted:  # as all the others
        dist.destroy_process_group()
        raise
    except BaseException as error:
        if not isinstance(error, WorkerError):
            workers.fail(f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}")
        dist.destroy_process_group()  # which ends what the others wait in
        workers.wait_for_listeners()
        raise
    dist.destroy_process_group()


def _store(here: Place, limit: float) -> Any:
    """What all workers read and write: worker 0's, or that of torchrun."""
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]
    from torch.distributed.rendezvous import rendezvous

    wait = timedelta(seconds=limit)
    if LISTENING in os.environ:
        return TCPStore(
            here.host,
            here.port,
            here.size,
            is_master=here.rank == 0,
            timeout=wait,
            master_listen_fd=int(os.environ[LISTENING]) if here.rank == 0 else None,
        )
    store, _, _ = next(iter(rendezvous("env://", here.rank, here.size, timeout=wait)))
    return PrefixStore(f"elman/{restarts()}", store)  # torchrun's holds what earlier starts wrote


def _end_with_parent() -> None:
    """End this process when its supervisor does, if it has one."""
    if PARENT not in os.environ:
        return
    pipe = int(os.environ.pop(PARENT))

    def watch() -> None:
        os.read(pipe, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
