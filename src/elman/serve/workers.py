"""Several processes that serve at one address, each with models and sessions of its own."""

import multiprocessing
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from elman.errors import ModelError, SettingsError
from elman.serve.access_log import log, start_logging
from elman.serve.metrics import forget, shared_folder
from elman.serve.models import Runs, named
from elman.serve.settings import ServeSettings

_YOUNG = 5.0  # seconds before whose end a worker that ends has failed to start
_MOST_FAILURES = 3


def supervise(runs: Runs, settings: ServeSettings, listener: socket.socket) -> None:
    """Start the workers, replace those that die, and end them all on a signal.

    Each worker takes its share of `max_sessions`. `ModelError` where workers cannot start.
    """
    if not all(isinstance(source, str) for _, source in named(runs)):
        raise SettingsError("workers: several processes serve folders only, not tasks in memory")
    start_logging()
    stop: list[int] = []
    before = {
        number: signal.signal(number, lambda sig, _: stop.append(sig))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    share = -(-settings.max_sessions // settings.workers)
    own = settings.model_copy(update={"max_sessions": share, "workers": 1})
    names = _picklable(runs)
    try:
        with shared_folder() as folder:
            _watch(names, own, listener, settings.workers, stop, folder)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(
    runs: list[str],
    settings: ServeSettings,
    listener: socket.socket,
    count: int,
    stop: list[int],
    metrics: Path,
) -> None:
    workers: list[tuple[SpawnProcess, float]] = []
    failures = 0
    try:
        while not stop:
            for process, began in [each for each in workers if not each[0].is_alive()]:
                workers.remove((process, began))
                forget(process.pid or 0, metrics)
                young = time.monotonic() - began < _YOUNG
                failures = failures + 1 if young else 0
                log(kind="worker", event="died", status=process.exitcode)
                if failures >= _MOST_FAILURES:
                    raise ModelError("the workers end as soon as they start; try --workers 1")
            while len(workers) < count:
                workers.append((_started(runs, settings, listener), time.monotonic()))
            time.sleep(0.1)
    finally:
        for process, _ in workers:
            process.terminate()
        until = time.monotonic() + settings.drain_s + 10
        for process, _ in workers:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _started(runs: list[str], settings: ServeSettings, listener: socket.socket) -> SpawnProcess:
    context: Any = multiprocessing.get_context("spawn")
    process: SpawnProcess = context.Process(target=_work, args=(runs, settings, listener))
    process.start()
    return process


def _work(runs: list[str], settings: ServeSettings, listener: socket.socket) -> None:
    from elman.serve.server import ignore_signals, serve

    ignore_signals()
    serve(runs, settings, listener)


def _picklable(runs: Mapping[str, Any] | Sequence[Any]) -> list[str]:
    return [f"{name}={source}" for name, source in named(runs)]
