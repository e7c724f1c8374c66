"""What is counted and timed, as Prometheus reads it."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        model = ("model",)
        self.sessions = Gauge("elman_sessions", "Open sessions.", model, registry=registry)
        self.waiting = Gauge(
            "elman_queue", "Messages and requests without an answer.", registry=registry
        )
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
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
