"""A client of a server, for programs with an event loop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from elman.serve.client import MOST_MESSAGE, Client, authorization, failed, json_of
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
    endpoint,
    error_of,
    model_path,
)

R = TypeVar("R")


class AsyncClient:
    """Models on a server, as `elman.Client` with `await`.

    ```python
    client = elman.AsyncClient("http://127.0.0.1:8000")
    async with client.session("speech") as session:
        progress = await session.accept(samples)
    ```
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 60.0) -> None:
        self._client = Client(url, token, timeout)

    async def models(self) -> list[dict[str, Any]]:
        """The models that the server has."""
        return await asyncio.to_thread(self._client.models)

    async def predict(self, model: str, inputs: Sequence[Any], **options: Any) -> list[Answer]:
        """The answer to each input."""
        return await asyncio.to_thread(self._client.predict, model, inputs, **options)

    async def stream(self, model: str, text: Any, **options: Any) -> AsyncIterator[str]:
        """What a session of the model makes of one input, in pieces as they arrive."""
        async with self.session(model, **options) as session:
            async for piece in session.pieces(text):
                yield piece

    def session(
        self,
        model: str,
        *,
        state: str | None = None,
        binary: tuple[str, Sequence[int]] | None = None,
        retries: int = 5,
        save_every: int = 50,
        **options: Any,
    ) -> "AsyncClientSession":
        """A session of a model, to be used with `async with`; arguments as in `Client.session`."""
        protocol = SessionProtocol(
            options, state=state, binary=binary, retries=retries, save_every=save_every
        )
        return AsyncClientSession(self._client, model, protocol)


class AsyncClientSession:
    """One stream of input to a model on a server; `AsyncClient.session` makes it."""

    def __init__(self, client: Client, model: str, protocol: SessionProtocol) -> None:
        self._client, self._protocol = client, protocol
        self._url = endpoint(client.url, model_path(model, "session"), websocket=True)
        self._socket: Any = None

    async def accept(self, value: Any, **options: Any) -> Progress:
        """Give the session more input, with keywords of the task's `accept`."""
        return await self._drive(self._protocol.accepting(value, options))

    async def pieces(self, value: Any, **options: Any) -> AsyncIterator[Any]:
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
            reply = await self._perform(operation)

    async def finish(self) -> Answer:
        """The answer when all input has come; the session takes no more."""
        found = await self._drive(self._protocol.finishing())
        await self.close()
        return found

    async def state(self) -> str:
        """All that the session remembers, for `AsyncClient.session(state=...)`."""
        return await self._drive(self._protocol.stating())

    async def close(self) -> None:
        """Close the connection; the server forgets the session."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def __aenter__(self) -> Self:
        try:
            await self._drive(self._protocol.opening())
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _drive(self, steps: Talk[R]) -> R:
        reply: Any = None
        while True:
            try:
                operation = steps.throw(reply) if failed(reply) else steps.send(reply)
            except StopIteration as end:
                found: R = end.value
                return found
            reply = await self._perform(operation)

    async def _perform(self, operation: Operation) -> Any:
        """The outcome of an operation, or the `ConnectionLostError` of it."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus

        client = self._client
        try:
            if isinstance(operation, Connect):
                await self.close()
                await asyncio.sleep(operation.delay)
                self._socket = await connect(
                    self._url,
                    additional_headers=authorization(client.token),
                    open_timeout=client.timeout,
                    max_size=MOST_MESSAGE,
                    compression=None,
                )
            elif isinstance(operation, Send):
                with suppress(ConnectionClosed):  # why it is closed may still be read
                    await self._socket.send(operation.message)
            elif not isinstance(operation, Piece):
                async with asyncio.timeout(client.timeout):
                    return await self._socket.recv()
        except InvalidStatus as error:
            body = json_of(error.response.body or b"")
            return error_of(body, error.response.status_code)
        except (ConnectionClosed, OSError, EOFError) as error:
            return ConnectionLostError(f"{client.url}: {error}")
        return None
