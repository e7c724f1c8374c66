"""Answers that come in pieces over HTTP, as server-sent events."""

from collections.abc import AsyncIterator, Sequence

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from elman.serve.sessions import Stream


class Events(StreamingResponse):
    """Events of some sessions, which end with the response, also where the client goes before the
    first event."""

    def __init__(self, events: AsyncIterator[str], streams: Sequence[Stream]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            for stream in self._streams:
                stream.close()
