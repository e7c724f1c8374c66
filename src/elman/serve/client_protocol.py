"""What a client says to a server, without the sockets: shared by both kinds of client."""

import base64
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import numpy as np

from elman.errors import SettingsError
from elman.messages import shown
from elman.serve.errors import Code, ServerError

R = TypeVar("R")

_STATUS = {"bad_request": 400, "not_found": 404, "no_sessions": 409, "too_large": 413}
_STATUS |= {"bad_input": 422, "too_many": 429, "evicted": 408, "internal": 500, "draining": 503}


@dataclass(frozen=True)
class Answer:
    """What a model answers: its `value`, or the `error` why there is none, and `details`."""

    value: Any
    error: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """What a session knows so far: `value`, what is `new` in it, and further fields by name."""

    value: Any
    new: Any = None
    details: Mapping[str, Any] = field(default_factory=dict)


class ConnectionLostError(ServerError):
    """The server cannot be reached, or has closed the connection."""

    def __init__(self, message: str) -> None:
        super().__init__(Code("connection_lost", 0, 1006), message)


@dataclass(frozen=True)
class Connect:
    """Open a connection, in place of the one before; wait `delay` seconds first."""

    delay: float = 0.0


@dataclass(frozen=True)
class Send:
    """Send a message."""

    message: str | bytes


@dataclass(frozen=True)
class Receive:
    """Wait for a message."""


@dataclass(frozen=True)
class Piece:
    """Tell the user what came on the way."""

    new: Any


Operation: TypeAlias = Connect | Send | Receive | Piece
Talk: TypeAlias = Generator[Operation, Any, R]


class SessionProtocol:
    """A session that goes on after its connection is lost, also on another server.

    The server's state of the session is asked for every `save_every` inputs, and inputs since then
    are kept; after a loss a new session begins with that state and gets these inputs again. Where
    a model cannot give its state, all inputs are kept.

    **Arguments:** `options`: of the session; `state`: of an earlier one; `binary`: dtype and shape
    of arrays that go as binary messages; `retries`: attempts to connect again, with growing pauses.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        state: str | None,
        binary: tuple[str, Sequence[int]] | None,
        retries: int,
        save_every: int,
    ) -> None:
        self._options, self._state, self._binary = dict(options), state, binary
        self._retries, self._save_every = retries, save_every
        self._since: list[str | bytes] = []
        self._connected = self._ended = False
        self._can_save = save_every > 0

    def opening(self) -> Talk[None]:
        """Connect and start the session."""
        yield from self._retried(None)

    def accepting(self, value: Any, options: Mapping[str, Any]) -> Talk[Progress]:
        """Send an input; what the session knows then."""
        self._check()
        message = self._encoded(value, options)
        self._since.append(message)
        try:
            found = yield from self._retried(message)
        except ServerError as error:
            if not isinstance(error, ConnectionLostError):
                self._since.pop()  # the session has not taken it
            raise
        if self._can_save and len(self._since) >= self._save_every:
            yield from self._saved()
        return Progress(
            found.pop("value", None),
            found.pop("new", None),
            {name: value for name, value in found.items() if name != "type"},
        )

    def finishing(self) -> Talk[Answer]:
        """End the session; its answer."""
        self._check()
        found = yield from self._retried(json.dumps({"type": "finish"}), expected="final")
        self._ended = True
        return answer(found)

    def stating(self) -> Talk[str]:
        """The server's state of the session, for `session(state=...)`."""
        self._check()
        found = yield from self._retried(json.dumps({"type": "state"}), expected="state")
        state: str = found["state"]
        self._state, self._since = state, []
        return state

    def _saved(self) -> Talk[None]:
        try:
            yield from self.stating()
        except ConnectionLostError:
            raise
        except ServerError:
            self._can_save = False

    def _retried(self, message: str | bytes | None, expected: str = "update") -> Talk[Any]:
        """The reply to a message, sent again after a new connection where one is lost."""
        attempt = 0
        while True:
            try:
                if not self._connected:
                    yield Connect(min(5.0, 0.1 * 2**attempt) if attempt else 0.0)
                    found = yield from self._resumed()
                    self._connected = True
                    if message is None or (self._since and message is self._since[-1]):
                        return found
                assert message is not None
                yield Send(message)
                return (yield from self._reply(expected))
            except ConnectionLostError:
                self._connected = False
                attempt += 1
                if attempt > self._retries:
                    raise

    def _resumed(self) -> Talk[Any]:
        """Start from the last state, and give again what came since; the last reply."""
        start: dict[str, Any] = {"type": "start", "options": self._options, "state": self._state}
        if self._binary is not None:
            dtype, shape = self._binary
            start["binary"] = {"dtype": dtype, "shape": list(shape)}
        yield Send(json.dumps(start))
        found = yield from self._reply("started")
        for message in self._since:
            yield Send(message)
            found = yield from self._reply("update")
        return found

    def _reply(self, expected: str) -> Talk[Any]:
        while True:
            found = json.loads((yield Receive()))
            if found["type"] == "partial":
                yield Piece(found["new"])
            elif found["type"] == "error":
                raise error_of(found)
            elif found["type"] == expected:
                return found

    def _encoded(self, value: Any, options: Mapping[str, Any]) -> str | bytes:
        if isinstance(value, np.ndarray) and self._binary is not None and not options:
            if value.dtype != np.dtype(self._binary[0]):
                raise SettingsError(
                    f"the array is {value.dtype}, and the session's binary messages are"
                    f" {self._binary[0]}"
                )
            return value.tobytes()
        return json.dumps({"type": "input", "input": encoded(value), "options": dict(options)})

    def _check(self) -> None:
        if self._ended:
            raise SettingsError("this session is finished: create a new one")


def encoded(value: Any) -> Any:
    """A value as JSON has it: arrays and bytes as base64.

    >>> encoded({"samples": np.zeros(1, np.int16), "rate": 8000})
    {'samples': {'base64': 'AAA=', 'dtype': 'int16', 'shape': [1]}, 'rate': 8000}
    """
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        text = base64.b64encode(content.tobytes()).decode()
        return {"base64": text, "dtype": value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, Mapping):
        return {name: encoded(each) for name, each in value.items()}
    return value


def answer(found: Mapping[str, Any]) -> Answer:
    """An answer from the server's JSON."""
    return Answer(found.get("value"), found.get("error"), found.get("details", {}))


def error_of(body: Any, status: int = 0) -> ServerError:
    """The error that a server tells of."""
    told = body.get("error") if isinstance(body, dict) else None
    if not isinstance(told, dict):
        return ServerError(Code("unknown", status, 1011), f"the server answers {status}")
    name = str(told.get("code", "unknown"))
    code = Code(name, status or _STATUS.get(name, 0), 1011)
    return ServerError(code, str(told.get("message", "")))


def endpoint(url: str, path: str, *, websocket: bool = False) -> str:
    """The address of a route of the server at `url`.

    >>> endpoint("http://127.0.0.1:8000", "/v1/models/a/session", websocket=True)
    'ws://127.0.0.1:8000/v1/models/a/session'
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"url={shown(url)}: http://HOST:PORT is needed")
    scheme = parts.scheme.replace("http", "ws") if websocket else parts.scheme
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, "", ""))


def model_path(model: str, action: str) -> str:
    """The path of a model's route."""
    return f"/v1/models/{quote(model, safe='')}/{action}"
