"""A server in a thread of this process, for notebooks and tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from elman.errors import ElmanError
from elman.serve.app import app
from elman.serve.context import Context
from elman.serve.models import Runs
from elman.serve.server import Server, config_of, listening
from elman.serve.settings import ServeSettings

_STARTS_WITHIN = 30.0  # seconds


@dataclass(frozen=True)
class Background:
    """A server that runs: its address, and its parts."""

    url: str
    context: Context


@contextmanager
def background(runs: Runs, **given: Any) -> Iterator[Background]:
    """Serve models, as `app` takes them, within a `with` block, on a free port if none is given.

    >>> import elman
    >>> data = (["good film", "bad film"] * 20, ["+", "-"] * 20)
    >>> task = elman.tasks.Classify(hidden_size=8, epochs=10, lr=0.02).fit(data, progress=False)
    >>> with background([task]) as server:
    ...     elman.Client(server.url).predict("classify", ["a good film"])[0].value
    '+'
    """
    settings = ServeSettings(**{"port": 0, **given})
    application = app(runs, settings)
    with listening(settings) as listener:
        server = Server(config_of(application, settings), application.state.context)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        until = time.monotonic() + _STARTS_WITHIN
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise ElmanError("the server does not start")
            time.sleep(0.01)
        host, port = listener.getsockname()[:2]
        try:
            yield Background(f"http://{host}:{port}", application.state.context)
        finally:
            server.should_exit = True
            thread.join(_STARTS_WITHIN)
