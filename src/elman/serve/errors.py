"""Errors that are sent to clients."""

from dataclasses import dataclass
from typing import Any

from elman.errors import ElmanError


@dataclass(frozen=True)
class Code:
    """What an error is in each protocol: an HTTP status and a WebSocket close code."""

    name: str
    status: int
    close: int


BAD_REQUEST = Code("bad_request", 400, 1007)
UNAUTHORIZED = Code("unauthorized", 401, 1008)
FORBIDDEN = Code("forbidden", 403, 1008)
NOT_FOUND = Code("not_found", 404, 1008)
NO_SESSIONS = Code("no_sessions", 409, 1008)
TOO_LARGE = Code("too_large", 413, 1009)
BAD_INPUT = Code("bad_input", 422, 1007)
TOO_MANY = Code("too_many", 429, 1013)
EVICTED = Code("evicted", 408, 1001)
INTERNAL = Code("internal", 500, 1011)
DRAINING = Code("draining", 503, 1012)
TOO_SLOW = Code("too_slow", 504, 1011)

_TEXT = {"type": "string"}
_ERROR = {"type": "object", "properties": {"code": _TEXT, "message": _TEXT}}
_BODY = {"type": "object", "properties": {"error": _ERROR}, "required": ["error"]}
RESPONSE: dict[str, Any] = {  # in OpenAPI
    "description": "What is wrong.",
    "content": {"application/json": {"schema": _BODY}},
}


class ServerError(ElmanError):
    """A server refuses a request; `code` is one of the names above, `status` HTTP's number."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.kind = code

    @property
    def code(self) -> str:
        """The name of the error, as `too_many`."""
        return self.kind.name

    @property
    def status(self) -> int:
        """HTTP's number of it."""
        return self.kind.status

    @property
    def close(self) -> int:
        """The code that a WebSocket is closed with, if the error ends it."""
        return self.kind.close

    def body(self) -> dict[str, dict[str, str]]:
        """What the client gets, as JSON."""
        return {"error": {"code": self.code, "message": str(self)}}


def of(error: BaseException) -> ServerError:
    """An error as it is sent to clients: elman's own words only, without a traceback."""
    if isinstance(error, ServerError):
        return error
    if isinstance(error, ElmanError):
        return ServerError(BAD_INPUT, " ".join(str(error).split())[:500])
    return ServerError(INTERNAL, "the server failed at this; other requests are not affected")
