"""Running a kernel on several threads: torch's own OpenMP pool, or threads of Python."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch

_owner = os.getpid()


@cache
def _openmp() -> Any:
    """The libgomp that torch has loaded, or None."""
    for path in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        parallel = library.GOMP_parallel
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return library
    return None


def openmp_symbols() -> dict[str, int]:
    """Addresses of what a team's kernel calls; empty without OpenMP."""
    library = _openmp()
    if library is None:
        return {}
    names = ("omp_get_thread_num", "omp_get_num_threads")
    return {n: ctypes.cast(getattr(library, n), ctypes.c_void_p).value or 0 for n in names}


def has_team() -> bool:
    """Whether threads start together, so that they may wait for each other."""
    return _openmp() is not None and os.getpid() == _owner


def run(
    one: Callable[[Any, int, int], None], team: int | None, arguments: Any, threads: int
) -> None:
    """Call `one(arguments, thread, threads)` for every thread.

    `team` is the address of the same for OpenMP. Its pool does not survive a fork: in a child
    process threads of Python do the work.
    """
    if threads == 1:
        one(arguments, 0, 1)
    elif team is not None and has_team():
        _openmp().GOMP_parallel(team, arguments, threads, 0)
    else:
        jobs = [_pool(os.getpid()).submit(one, arguments, t, threads) for t in range(1, threads)]
        one(arguments, 0, threads)
        for job in jobs:
            job.result()


def run_pair(
    one: Callable[[Any, int, int], None],
    team: int | None,
    pair: Any,
    arguments: tuple[int, int],
    threads: int,
) -> None:
    """As `run` with each of two arguments at the same time, with so many threads each.

    `team` is the address of the same for OpenMP, which takes the address `pair` of both.
    """
    if team is not None and has_team():
        _openmp().GOMP_parallel(team, pair, 2 * threads, 0)
        return
    shares = [(each, t) for each in arguments for t in range(threads)]
    pool = _pool(os.getpid())
    jobs = [pool.submit(one, each, t, threads) for each, t in shares[1:]]
    one(arguments[0], 0, threads)
    for job in jobs:
        job.result()


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    del process  # a pool belongs to one process
    return ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) * 4))
