"""How a request is refused before any route takes it."""

import json

from starlette.types import Receive, Scope, Send

from elman.serve.errors import TOO_MANY, UNAUTHORIZED, ServerError


async def refuse(scope: Scope, receive: Receive, send: Send, error: ServerError) -> None:  # noqa: ARG001
    """Answer an HTTP request, or a WebSocket that is not accepted yet, with an error."""
    body = json.dumps(error.body()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += extra_headers(error)
    if scope["type"] == "http":
        kind = "http.response"
    elif "websocket.http.response" in scope.get("extensions", {}):
        kind = "websocket.http.response"
    else:
        await send({"type": "websocket.close", "code": error.close})
        return
    await send({"type": f"{kind}.start", "status": error.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def extra_headers(error: ServerError) -> list[tuple[bytes, bytes]]:
    """Headers that an error's status asks for."""
    if error.kind is UNAUTHORIZED:
        return [(b"www-authenticate", b'Bearer, Basic realm="elman"')]
    return [(b"retry-after", b"1")] if error.kind is TOO_MANY else []
