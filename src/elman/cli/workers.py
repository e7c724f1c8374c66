"""`elman train --workers`: the command as several processes, or as one of them."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from elman.errors import SettingsError
from elman.files import is_file
from elman.folders import CHECKPOINT
from elman.messages import shown
from elman.train.workers.environment import place, restarts

if TYPE_CHECKING:
    from elman.train.workers.one_process import OneProcess

_LONGEST = 3.6e6  # seconds
_WORDS: ContextVar[tuple[str, ...]] = ContextVar("words")  # of the command line


@contextmanager
def command_line(words: list[str]) -> Iterator[None]:
    """Within, the words that workers are started with."""
    token = _WORDS.set(tuple(words))
    try:
        yield
    finally:
        _WORDS.reset(token)


def command_words() -> list[str]:
    """The words that start this command in a process of its own."""
    return [sys.executable, "-m", "elman.cli", *_WORDS.get()]


def supervised(
    workers: int, shards: int | None, folder: Path, *, resume: bool, sources: tuple[Any, ...]
) -> NoReturn:
    """Run this command as so many workers, and end with their status."""
    if os.name != "posix":
        raise SettingsError(f"--workers {workers}: start the workers by torchrun on this system")
    if shards is not None and workers > shards:
        raise SettingsError(
            f"--workers {workers} --shards {shards}: each worker needs a shard or more; take fewer"
            " workers or more shards"
        )
    if "-" in sources:
        raise SettingsError(
            f"--workers {workers}: several processes cannot read standard input; save it in a file"
        )

    def command(goes_on: bool) -> list[str]:
        return [*command_words(), *(["--resume"] if goes_on and not resume else [])]

    from elman.train.workers import supervise

    sys.exit(supervise(command, workers, folder, resume=resume))


def is_worker(workers: int | None) -> bool:
    """Whether this process is a worker; `SettingsError` where it is one of other than `workers`."""
    here = place()
    if here is not None and workers not in (None, here.size):
        raise SettingsError(
            f"--workers {workers}, but WORLD_SIZE={here.size} as torchrun sets it: leave out"
            " --workers, or do not use torchrun"
        )
    return here is not None


def is_begun_again(folder: Path) -> bool:
    """Whether torchrun has restarted this worker, and there is a checkpoint to continue from."""
    return place() is not None and restarts() > 0 and is_file(folder / CHECKPOINT)


@contextmanager
def worker(timeout: str) -> "Iterator[OneProcess]":
    """This process as a worker, or as a run of its own; only the first shows warnings."""
    from elman.train.settings import seconds_of
    from elman.train.workers import joined

    try:
        limit = seconds_of(timeout)
    except ValueError as error:
        raise SettingsError(f"--worker-timeout: {' '.join(str(error).split()):.200}") from None
    if not 0 < limit <= _LONGEST:
        raise SettingsError(
            f"--worker-timeout {shown(timeout)}: a time above 0 and up to 1,000 hours is needed"
        )
    with warnings.catch_warnings(), joined(limit) as workers:
        if not workers.is_first:
            warnings.simplefilter("ignore")
        yield workers


def name() -> str:
    """Which worker speaks, to begin a message with; empty for the first and for no worker."""
    rank = os.environ.get("RANK", "0")
    return f"worker {rank}: " if "WORLD_SIZE" in os.environ and rank != "0" else ""
