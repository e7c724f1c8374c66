"""Bodies of requests, bounded in size and time."""

import asyncio
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elman.serve.errors import BAD_REQUEST, TOO_LARGE, ServerError
from elman.serve.refusal import refuse
from elman.serve.settings import ServeSettings


class Bodies:
    """Refuses bodies larger than `max_body`, and those that stop coming for `idle_s` seconds."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self.app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose body is within bounds."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most, came = self._settings.max_body, 0
        stated = Headers(scope=scope).get("content-length", "0")
        too_large = ServerError(TOO_LARGE, f"the body has more than {most:,} bytes")
        if stated.isdecimal() and int(stated) > most:
            await refuse(scope, receive, send, too_large)
            return

        is_complete = False

        async def bounded() -> Message:
            nonlocal came, is_complete
            if is_complete:
                return await receive()  # of a client that goes
            try:
                async with asyncio.timeout(self._settings.idle_s):
                    message = await receive()
            except TimeoutError:
                raise _exception(
                    ServerError(BAD_REQUEST, "the body did not arrive in time")
                ) from None
            came += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
            if came > most:
                raise _exception(too_large)
            return message

        await self.app(scope, bounded, send)


def _exception(error: ServerError) -> HTTPException:
    """What FastAPI passes through wherever a body is read."""
    detail: Any = error
    return HTTPException(error.status, detail)
