"""The native protocol: a session over a WebSocket, by JSON and binary messages."""

import json
from typing import Any

from fastapi import APIRouter, WebSocket

from elman.errors import DataError, SettingsError
from elman.serve import errors
from elman.serve.auth import SUBPROTOCOL
from elman.serve.context import Context
from elman.serve.conversation import Conversation, Disconnected
from elman.serve.errors import BAD_REQUEST, ServerError
from elman.serve.models import Version
from elman.serve.pieces import Accepting
from elman.serve.protocols.asyncapi import SENT
from elman.serve.protocols.rest import answer
from elman.serve.sessions import Stream
from elman.serve.states import packed, unpacked
from elman.serve.values import ArrayForm, jsonable, received
from elman.tasks.session import Update

FIELDS = {name: {"type", *fields} for name, (_, fields) in SENT.items()}


def router(context: Context) -> APIRouter:
    """The route `/v1/models/{name}/session`."""
    routes = APIRouter()

    @routes.websocket("/v1/models/{name}/session")
    async def session(websocket: WebSocket, name: str) -> None:
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        async with Conversation(websocket, context.settings) as talk:
            await NativeSession(context, talk, name).run()

    return routes


class NativeSession:
    """The two sides of one connection: messages in, answers out, in their order."""

    def __init__(self, context: Context, talk: Conversation, name: str) -> None:
        self._context, self._talk, self._name = context, talk, name
        self._stream: Stream | None = None
        self._form = ArrayForm()

    async def run(self) -> None:
        """Answer messages until the client goes, or an error ends the session."""
        try:
            version = self._context.models[self._name]
            version.check_sessions()
            self._context.sessions.check_open()
            with version:
                while True:
                    await self._answer(version, await self._talk.receive())
        except Disconnected:
            self._end("disconnected")
        except Exception as error:  # the client is told, and the session ends
            self._end(errors.of(error).code)
            told = await self._talk.end(error, self._context.metrics, type="error")
            if told.kind is errors.INTERNAL:
                raise
        finally:
            self._end("failed")

    def _end(self, reason: str) -> None:
        if self._stream is not None:
            self._stream.close(evicted=reason)
            self._stream = None

    async def _answer(self, version: Version, message: str | bytes) -> None:
        """Answer one message; after one that is wrong the session goes on."""
        try:
            await self._handle(version, message)
        except (DataError, SettingsError) as error:
            await self._tell("error", **errors.of(error).body())
        except ServerError as error:
            if error.kind is not BAD_REQUEST:
                raise
            await self._tell("error", **error.body())

    async def _handle(self, version: Version, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._input(version, self._form(message), {})
            return
        asked = parsed(message)
        if asked["type"] == "start":
            await self._start(version, asked)
        elif asked["type"] == "input":
            value = received(asked.get("input"), self._context.settings.max_text)
            await self._input(version, value, asked.get("options", {}))
        elif asked["type"] == "state":
            stream = await self._opened(version)
            state = await self._talk.during(stream.state())
            await self._tell("state", state=packed(state))
        else:
            stream = await self._opened(version)
            found = await self._talk.during(stream.finish())
            self._stream = None
            await self._tell("final", **answer(found))

    async def _start(self, version: Version, asked: dict[str, Any]) -> None:
        if self._stream is not None:
            raise ServerError(BAD_REQUEST, "the session has started: finish it first")
        form = asked.get("binary", {})
        if not isinstance(form, dict) or set(form) - {"dtype", "shape"}:
            raise ServerError(BAD_REQUEST, "binary is an object with dtype and shape")
        self._form = ArrayForm(**form)
        state = None if asked.get("state") is None else unpacked(asked["state"])
        self._stream = await self._talk.during(
            self._context.sessions.open(version, asked.get("options", {}), state)
        )
        await self._tell("started", model=version.name, task=version.task.name)

    async def _opened(self, version: Version) -> Stream:
        """The session, which begins with the first message if none started it."""
        if self._stream is None:
            self._stream = await self._talk.during(self._context.sessions.open(version, {}))
        return self._stream

    async def _input(self, version: Version, value: Any, options: dict[str, Any]) -> None:
        stream = await self._opened(version)
        update = await self._talk.during(self._accepted(stream, value, options))
        fields = vars(update) | {"value": update.value, "new": update.new}
        await self._tell("update", **{name: jsonable(each) for name, each in fields.items()})

    async def _accepted(self, stream: Stream, value: Any, options: dict[str, Any]) -> Update:
        """The answer, after the pieces on the way were sent, as fast as the client reads them."""
        accepting = Accepting(stream, value, options)
        try:
            async for new in accepting:
                await self._tell("partial", new=jsonable(new))
            return await accepting.update
        finally:
            accepting.cancel()

    async def _tell(self, kind: str, **fields: Any) -> None:
        await self._talk.send(json.dumps({"type": kind, **fields}))


def parsed(message: str) -> dict[str, Any]:
    """A message of the client; `ServerError` where it is none."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        raise ServerError(BAD_REQUEST, "the message is not JSON") from None
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in FIELDS:
        raise ServerError(BAD_REQUEST, f"a message is an object of type {', '.join(FIELDS)}")
    if unknown := set(found) - FIELDS[kind]:
        raise ServerError(BAD_REQUEST, f"a message {kind} has no field {min(unknown)[:40]}")
    if not isinstance(found.get("options", {}), dict):
        raise ServerError(BAD_REQUEST, "options is an object")
    checked: dict[str, Any] = found
    return checked
