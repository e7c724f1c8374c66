"""Servers of tiny models, on loopback addresses in threads of their own."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import small_tasks

from elman.serve import Client, ServeSettings
from elman.serve.app import app
from elman.serve.context import Context
from elman.serve.server import Server, config_of, listening
from elman.tasks import Speech, Task

FORWARD = {"bidirectional": False}
STREAMING = ("speech", "classify", "vectors", "video")


@dataclass
class Running:
    """A server that runs, its parts, and a client of it."""

    url: str
    context: Context
    server: Server

    def client(self, token: str | None = None) -> Client:
        return Client(self.url, token, timeout=20)

    def when_idle(self, seconds: float = 10) -> None:
        """Wait until no session is open."""
        until = time.monotonic() + seconds
        while not self.context.sessions.is_idle:
            assert time.monotonic() < until, "sessions are left over"
            time.sleep(0.01)


@contextmanager
def running(runs: Any, **given: Any) -> Iterator[Running]:
    settings = ServeSettings(**{"port": 0, "reload_s": 0, **given})
    application = app(runs, settings)
    listener = listening(settings)
    server = Server(config_of(application, settings), application.state.context)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    port = listener.getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", application.state.context, server)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture
def serving() -> Callable[..., Any]:
    return running


@pytest.fixture(scope="session")
def made() -> Callable[[str], Task]:
    """A tiny trained task by the name that it has among the small tasks, made once."""
    kept: dict[str, Task] = {}

    def make(name: str) -> Task:
        if name not in kept:
            kind, own, data, _ = small_tasks.MADE[name]
            forward = FORWARD if name in STREAMING else {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                settings = {**small_tasks.SMALL, **own, **forward}
                kept[name] = kind(**settings).fit(data, progress=False)
        return kept[name]

    return make


@pytest.fixture(scope="session")
def speech(made: Callable[[str], Task]) -> Speech:
    found: Any = made("speech")
    return found


@pytest.fixture
def folder(made: Callable[[str], Task], tmp_path: Path) -> Path:
    """A saved language model."""
    made("language").save(tmp_path / "language")
    return tmp_path / "language"
