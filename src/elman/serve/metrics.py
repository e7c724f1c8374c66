"""What is counted and timed, as Prometheus reads it.

Processes that serve together keep their numbers in files of one folder, which the environment
variable of `prometheus_client` names: it has to be set before this module is imported.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_multiprocess: Any = multiprocess  # which has no type hints
_SHARED = os.environ.get(FOLDER)
_MEMORY = Path("/dev/shm")  # a disk that is full shall not end a process that counts

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        model = ("model",)
        now: Any = {"multiprocess_mode": "livesum", "registry": registry}  # of processes that live
        self.sessions = Gauge("elman_sessions", "Open sessions.", model, **now)
        self.waiting = Gauge("elman_queue", "Messages and requests without an answer.", **now)
        self.opened = Counter("elman_sessions_opened", "Sessions.", model, registry=registry)
        self.evicted = Counter(
            "elman_evictions", "Sessions ended by the server.", ("reason",), registry=registry
        )
        self.refused = Counter("elman_refused", "Requests refused.", ("code",), registry=registry)
        self.reloads = Counter(
            "elman_reloads", "Models read again.", ("model", "outcome"), registry=registry
        )
        self.audio = Counter(
            "elman_input_seconds", "Seconds of input that has a rate.", model, registry=registry
        )
        self.computing = Counter(
            "elman_compute_seconds",
            "Processor time of the compute thread.",
            model,
            registry=registry,
        )
        self.real_time_factor = Histogram(
            "elman_real_time_factor",
            "Seconds to answer a second of input.",
            model,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
            registry=registry,
        )
        self._batches = Histogram(
            "elman_batch_size", "Streams in a batch.", model, buckets=_SIZES, registry=registry
        )
        self._latency = Histogram(
            "elman_latency_seconds",
            "From a message to its answer.",
            model,
            buckets=_SECONDS,
            registry=registry,
        )
        self.requests = Histogram(
            "elman_request_seconds",
            "HTTP requests by route.",
            ("route", "status"),
            buckets=_SECONDS,
            registry=registry,
        )

    def batch(self, model: str, size: int, seconds: float) -> None:
        """One batch was computed."""
        if size:
            self._batches.labels(model).observe(size)
        self.computing.labels(model).inc(seconds)

    def answered(self, model: str, seconds: float) -> None:
        """One message has its answer."""
        self._latency.labels(model).observe(seconds)

    def heard(self, model: str, length: float, seconds: float) -> None:
        """Input that lasts so long was answered in so many seconds."""
        self.audio.labels(model).inc(length)
        if length > 0:
            self.real_time_factor.labels(model).observe(seconds / length)

    def text(self) -> bytes:
        """All of it in Prometheus's text format; the sums of all processes that share a folder."""
        if _SHARED is None:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        _multiprocess.MultiProcessCollector(together, _SHARED)
        return generate_latest(together)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder for the numbers of processes that are started within it; removed at the end."""
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    before = os.environ.get(FOLDER)
    with tempfile.TemporaryDirectory(prefix="elman-metrics-", dir=place) as folder:
        os.environ[FOLDER] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ[FOLDER]
            else:
                os.environ[FOLDER] = before


def forget(process: int, folder: Path) -> None:
    """Leave out what a process that has ended had open; what it counted stays in the sums."""
    _multiprocess.mark_process_dead(process, str(folder))
