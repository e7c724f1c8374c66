"""Answers that come in pieces over HTTP, as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from elman.serve.sessions import Stream


class Events(StreamingResponse):
    """Events of some sessions, which end with the response: also where the client goes before the
    first event, or reads nothing for `idle_s` seconds."""

    def __init__(
        self, events: AsyncIterator[str], streams: Sequence[Stream], idle_s: float
    ) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._streams, self._idle_s = streams, idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        unread = False

        async def bounded(message: Message) -> None:
            nonlocal unread
            try:
                async with asyncio.timeout(self._idle_s):
                    await send(message)
            except TimeoutError:
                unread = True
                raise  # ends the response

        try:
            await super().__call__(scope, receive, bounded)
        except Exception:
            if not unread:
                raise
        finally:
            for stream in self._streams:
                stream.close(evicted="evicted" if unread else None)
