"""The program: one process that listens, serves and ends in order."""

import signal
import socket
import sys
import time
from types import FrameType
from typing import Any

import uvicorn

from elman.errors import SettingsError
from elman.serve.access_log import start_logging
from elman.serve.app import app
from elman.serve.context import Context
from elman.serve.models import Runs
from elman.serve.settings import ServeSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Server(uvicorn.Server):
    """A server that on SIGTERM or Ctrl-C refuses new requests, finishes what is open, and ends.

    What is not finished after `drain_s` seconds is cut off; a second signal does so at once.
    """

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context
        self._until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to end, or end at once."""
        if self._until is not None:
            self.should_exit = self.force_exit = True
            return
        self._until = time.monotonic() + self._context.settings.drain_s
        self._context.sessions.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to end."""
        ended = await super().on_tick(counter)
        if self._until is None:
            return ended
        return ended or self._context.sessions.is_idle or time.monotonic() > self._until


def serve(runs: Runs, settings: ServeSettings, listener: socket.socket) -> None:
    """Load the models and serve them until a signal comes."""
    application = app(runs, settings)
    start_logging()
    Server(config_of(application, settings), application.state.context).run([listener])


def config_of(application: Any, settings: ServeSettings) -> uvicorn.Config:
    """How uvicorn runs the application."""
    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=settings.max_frame,
        ws_max_queue=1,
        ws_per_message_deflate=False,
        limit_concurrency=settings.max_sessions + settings.max_waiting + 100,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


def listening(settings: ServeSettings) -> socket.socket:
    """A socket that listens; `SettingsError` where the address cannot be had."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        found = socket.create_server(
            (settings.host, settings.port), family=family, backlog=2048, reuse_port=False
        )
    except OSError as error:
        raise SettingsError(
            f"host={settings.host} port={settings.port}: cannot listen there: {error.strerror}"
        ) from None
    found.set_inheritable(True)
    # For connections, too, which inherit it: two small messages in a row shall not wait for an ACK.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def run(runs: Runs, settings: ServeSettings | None = None, **given: Any) -> None:
    """Serve models until SIGTERM or Ctrl-C; `runs` and settings as in `app`."""
    settings = ServeSettings(**given) if settings is None else settings
    listener = listening(settings)
    try:
        print(announcement(settings, listener), file=sys.stderr, flush=True)
        if settings.workers > 1:
            from elman.serve.workers import supervise

            supervise(runs, settings, listener)
        else:
            serve(runs, settings, listener)
    finally:
        listener.close()


def announcement(settings: ServeSettings, listener: socket.socket) -> str:
    """Where the server listens, and who may use it."""
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    lines = [f"elman: serving on {address} (docs at {address}/docs)"]
    if settings.token_file is None:
        who = "this machine" if settings.host in _LOOPBACK else "whoever reaches this address"
        lines.append(f"elman: no token is asked for (--token-file): {who} may use it")
    return "\n".join(lines)


def ignore_signals() -> None:
    """Leave Ctrl-C of the terminal to the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
