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

from elman.serve import Client, background
from elman.serve.context import Context
from elman.tasks import Speech, Task

FORWARD = {"bidirectional": False}
STREAMING = ("speech", "classify", "vectors", "video", "events")


@dataclass
class Running:
    """A server that runs, its parts, and a client of it."""

    url: str
    context: Context

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
    with background(runs, **{"reload_s": 0, **given}) as server:
        yield Running(server.url, server.context)
    assert not [each for each in threading.enumerate() if each.name.startswith("compute-")]


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
