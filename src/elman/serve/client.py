"""A client of a server, for programs that wait for each answer."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from elman.serve.client_protocol import (
    Answer,
    Connect,
    ConnectionLostError,
    Operation,
    Piece,
    Progress,
    Send,
    SessionProtocol,
    Talk,
    answer,
    encoded,
    endpoint,
    error_of,
    model_path,
)

R = TypeVar("R")
MOST_MESSAGE = 2**28


class Client:
    """Models on a server, used like models at hand.

    **Arguments:** `url`: such as `http://127.0.0.1:8000`; `token`: if the server asks for one;
    `timeout`: seconds to wait for an answer.

    Raises `elman.serve.ServerError` for what the server refuses, whose `code` says what it is.

    ```python
    client = elman.Client("http://127.0.0.1:8000")
    client.predict("classify", ["a stirring , funny film"])[0].value
    ```
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 60.0) -> None:
        endpoint(url, "")
        self.url, self.token, self.timeout = url, token, timeout

    def models(self) -> list[dict[str, Any]]:
        """The models that the server has."""
        found: list[dict[str, Any]] = self._request("/v1/models")["data"]
        return found

    def predict(self, model: str, inputs: Sequence[Any], **options: Any) -> list[Answer]:
        """The answer to each input: texts, arrays, tables, ink, or the bytes of files."""
        body = {"inputs": [encoded(each) for each in inputs], "options": options}
        found = self._request(model_path(model, "predict"), body)
        return [answer(each) for each in found["predictions"]]

    def stream(self, model: str, text: Any, **options: Any) -> Iterator[str]:
        """What a session of the model makes of one input, in pieces as they arrive."""
        with self.session(model, **options) as session:
            yield from session.pieces(text)

    def session(
        self,
        model: str,
        *,
        state: str | None = None,
        binary: tuple[str, Sequence[int]] | None = None,
        retries: int = 5,
        save_every: int = 50,
        **options: Any,
    ) -> "ClientSession":
        """A session of a model; `with` closes it.

        **Arguments:** `options`: of the task's `session`; the others as in `SessionProtocol`.
        """
        protocol = SessionProtocol(
            options, state=state, binary=binary, retries=retries, save_every=save_every
        )
        return ClientSession(self, model, protocol)

    def _request(self, path: str, body: Any = None) -> Any:
        headers = {"content-type": "application/json", **authorization(self.token)}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(endpoint(self.url, path), data, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise error_of(json_of(error.read()), error.code) from None
        except (OSError, ValueError) as error:
            raise ConnectionLostError(f"{self.url} does not answer: {error}") from None


class ClientSession:
    """One stream of input to a model on a server; `Client.session` makes it."""

    def __init__(self, client: Client, model: str, protocol: SessionProtocol) -> None:
        self._client, self._protocol = client, protocol
        self._url = endpoint(client.url, model_path(model, "session"), websocket=True)
        self._socket: Any = None
        self._connection = ExitStack()
        try:
            self._drive(protocol.opening())
        except BaseException:
            self.close()
            raise

    def accept(self, value: Any, **options: Any) -> Progress:
        """Give the session more input, with keywords of the task's `accept`."""
        return self._drive(self._protocol.accepting(value, options))

    def pieces(self, value: Any, **options: Any) -> Iterator[Any]:
        """As `accept`, what is new in pieces as they arrive."""
        came = False
        steps = self._protocol.accepting(value, options)
        reply: Any = None
        while True:
            try:
                operation = steps.throw(reply) if failed(reply) else steps.send(reply)
            except StopIteration as end:
                if not came and end.value.new:
                    yield end.value.new
                return
            if isinstance(operation, Piece):
                came = True
                yield operation.new
            reply = self._perform(operation)

    def finish(self) -> Answer:
        """The answer when all input has come; the session takes no more."""
        found = self._drive(self._protocol.finishing())
        self.close()
        return found

    @property
    def state(self) -> str:
        """All that the session remembers, for `Client.session(state=...)` of the same model."""
        return self._drive(self._protocol.stating())

    def close(self) -> None:
        """Close the connection; the server forgets the session."""
        self._socket = None
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _drive(self, steps: Talk[R]) -> R:
        reply: Any = None
        while True:
            try:
                operation = steps.throw(reply) if failed(reply) else steps.send(reply)
            except StopIteration as end:
                found: R = end.value
                return found
            reply = self._perform(operation)

    def _perform(self, operation: Operation) -> Any:
        """The outcome of an operation, or the `ConnectionLostError` of it."""
        from websockets.exceptions import ConnectionClosed, InvalidStatus
        from websockets.sync.client import connect

        client = self._client
        try:
            if isinstance(operation, Connect):
                self.close()
                time.sleep(operation.delay)
                made = connect(
                    self._url,
                    additional_headers=authorization(client.token),
                    open_timeout=client.timeout,
                    max_size=MOST_MESSAGE,
                    compression=None,
                )
                self._socket = self._connection.enter_context(made)
            elif isinstance(operation, Send):
                with suppress(ConnectionClosed):  # why it is closed may still be read
                    self._socket.send(operation.message)
            elif not isinstance(operation, Piece):
                return self._socket.recv(timeout=client.timeout)
        except InvalidStatus as error:
            body = json_of(error.response.body or b"")
            return error_of(body, error.response.status_code)
        except (ConnectionClosed, OSError, EOFError) as error:
            return ConnectionLostError(f"{client.url}: {error}")
        return None


def authorization(token: str | None) -> Mapping[str, str]:
    """The header that carries a token."""
    return {} if token is None else {"authorization": f"Bearer {token}"}


def failed(reply: Any) -> bool:
    """Whether an operation ended in an exception."""
    return isinstance(reply, Exception)


def json_of(content: bytes | bytearray) -> Any:
    """The JSON of a body; None if it is none."""
    try:
        return json.loads(content)
    except ValueError:
        return None
