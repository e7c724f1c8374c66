"""The messages of one WebSocket, with bounds on how many wait and how long silence lasts."""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

from starlette.websockets import WebSocket, WebSocketState

from elman.serve import errors
from elman.serve.errors import EVICTED, TOO_LARGE, ServerError
from elman.serve.metrics import Metrics
from elman.serve.settings import ServeSettings

R = TypeVar("R")


class Disconnected(Exception):  # noqa: N818 - no fault
    """The client has gone."""


class Conversation:
    """What a protocol needs of a WebSocket: `async with Conversation(...) as talk:`.

    At most `queue` messages are read ahead; while so many wait the socket is not read. A client
    that sends nothing, or reads nothing, for `idle_s` seconds is evicted: a `ServerError`. When it
    has gone, `Disconnected` ends whatever is done for it.
    """

    def __init__(self, websocket: WebSocket, settings: ServeSettings) -> None:
        self._websocket, self._settings = websocket, settings
        self._queue: asyncio.Queue[str | bytes | ServerError | None] = asyncio.Queue(settings.queue)
        self._gone = asyncio.Event()
        self._peeked: str | bytes | None = None
        self._reader: asyncio.Task[None] | None = None
        self._working: asyncio.Task[Any] | None = None  # to be cancelled when the client has gone

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._reader is not None
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def receive(self) -> str | bytes:
        """The next message."""
        if self._peeked is not None:
            message, self._peeked = self._peeked, None
            return message
        try:
            async with asyncio.timeout(self._settings.idle_s):
                came = await self._queue.get()
        except TimeoutError:
            raise self._idle("no message arrived") from None
        if came is None:
            raise Disconnected
        if isinstance(came, ServerError):
            raise came
        return came

    async def peek(self) -> str | bytes:
        """The next message, which `receive` gives, too."""
        self._peeked = await self.receive()
        return self._peeked

    async def send(self, text: str) -> None:
        """Send a text; waits while the client does not read."""
        if self._gone.is_set():
            raise Disconnected
        try:
            async with asyncio.timeout(self._settings.idle_s):
                await self._websocket.send_text(text)
        except TimeoutError:
            raise self._idle("nothing was read") from None
        except Exception as error:  # each server has its own for a connection that is lost
            raise Disconnected from error

    async def during(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of work for the client; it is cancelled when the client has gone."""
        if self._gone.is_set():
            work.close()
            raise Disconnected
        self._working = task = asyncio.current_task()
        try:
            return await work
        except asyncio.CancelledError:
            if self._gone.is_set() and task is not None and not task.uncancel():
                raise Disconnected from None
            raise
        finally:
            self._working = None

    async def end(self, error: Exception, metrics: Metrics, **fields: Any) -> ServerError:
        """Tell the client of an error that ends it all, `fields` beside it, and close the socket.

        Returns the error as it was sent to the client.
        """
        told = errors.of(error)
        metrics.refused.labels(told.code).inc()
        with suppress(Disconnected, ServerError):
            await self.send(json.dumps({**fields, **told.body()}))
        await self.close(told.close, str(told))
        return told

    async def close(self, code: int, reason: str = "") -> None:
        """Close the socket, if it is open."""
        if self._gone.is_set() or self._websocket.application_state != WebSocketState.CONNECTED:
            return
        with suppress(Exception):  # it may be lost by now
            async with asyncio.timeout(5):
                await self._websocket.close(code, _short(reason))

    async def _read(self) -> None:
        most = self._settings.max_frame
        try:
            while True:
                event = await self._websocket.receive()
                if event["type"] != "websocket.receive":
                    break
                message: str | bytes | None = event.get("text")
                message = event.get("bytes") if message is None else message
                if message is None:
                    continue
                if len(message) > most:
                    error = ServerError(TOO_LARGE, f"a message has more than {most:,} bytes")
                    await self._queue.put(error)
                    return
                await self._queue.put(message)
        except RuntimeError:  # of starlette: the socket was closed by us
            pass
        self._gone.set()
        if self._working is not None:
            self._working.cancel()
        await self._queue.put(None)

    def _idle(self, what: str) -> ServerError:
        return ServerError(EVICTED, f"{what} for {self._settings.idle_s:g} seconds")


def _short(reason: str) -> str:
    return reason.encode()[:120].decode(errors="ignore")
