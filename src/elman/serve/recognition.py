"""Speech over WebSockets of other servers' protocols: sound in, texts with times out."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fastapi import WebSocket
from numpy.typing import NDArray

from elman.decode.hypothesis import Hypothesis
from elman.messages import shown
from elman.serve import errors
from elman.serve.auth import SUBPROTOCOL
from elman.serve.context import Context
from elman.serve.conversation import Conversation, Disconnected
from elman.serve.errors import NOT_FOUND, ServerError
from elman.serve.models import Version
from elman.serve.sessions import Stream
from elman.serve.values import ArrayForm
from elman.tasks.session import TranscriptUpdate, Update

PAUSE = 0.5  # seconds of silence that end a segment


@dataclass
class Heard:
    """What is known after some sound: the segments that ended in it, the n best hypotheses of each,
    and the text since the last of them."""

    segments: list[Sequence[Hypothesis]] = field(default_factory=list)
    partial: str = ""

    def add(self, update: Update) -> None:
        """Take over what a session says."""
        if isinstance(update, TranscriptUpdate):
            self.segments += update.segments
            self.partial = update.partial


class Recognition:
    """One client's sound, recognised in one session after another.

    **Attributes:** `rate`: samples a second of the model; `seconds`: of sound in the sessions
    that have ended.
    """

    def __init__(self, context: Context, talk: Conversation, version: Version) -> None:
        self.talk, self.version = talk, version
        self.rate: int = version.messages.speech_rate or 0
        self.seconds = 0.0
        self._context = context
        self._stream: Stream | None = None
        self._heard = 0.0  # seconds of the present session

    @property
    def is_open(self) -> bool:
        """Whether a session has begun."""
        return self._stream is not None

    async def hear(self, samples: NDArray[Any], rate: int, **options: Any) -> Heard:
        """Recognise samples (N,); the first ones of a session begin it, with options of the task's
        `session`."""
        if self._stream is None:
            given = {"rate": rate, "pause": PAUSE, **options}
            self._stream = await self.talk.during(self._context.sessions.open(self.version, given))
        heard = Heard()
        heard.add(await self.talk.during(self._stream.accept(samples, {})))
        self._heard += len(samples) / rate
        return heard

    async def finish(self) -> Heard:
        """End the session; nothing is heard where there is none."""
        heard = Heard()
        if self._stream is not None:
            await self.talk.during(self._stream.finish(heard.add))
            self._stream = None
        self.seconds, self._heard = self.seconds + self._heard, 0.0
        return heard

    def close(self, reason: str) -> None:
        """End a session that was not finished."""
        if self._stream is not None:
            self._stream.close(evicted=reason)
            self._stream = None


Protocol: TypeAlias = Callable[[Recognition, Mapping[str, str]], Awaitable[None]]


async def serve_speech(
    context: Context, websocket: WebSocket, name: str | None, protocol: Protocol
) -> None:
    """Talk with a client until it goes, the protocol ends, or an error does, which is sent as JSON.

    **Arguments:** `name`: of the model, None for the first that recognises speech; `protocol`: gets
    the recognition and the parameters of the address.
    """
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    async with Conversation(websocket, context.settings) as talk:
        recognition = None
        try:
            version = recogniser(context, name)
            version.check_sessions()
            context.sessions.check_open()
            with version:
                recognition = Recognition(context, talk, version)
                try:
                    await protocol(recognition, websocket.query_params)
                    await talk.close(1000)
                except Disconnected:
                    recognition.close("disconnected")
                except Exception as error:
                    recognition.close(errors.of(error).code)
                    raise
                finally:
                    recognition.close("failed")
        except Exception as error:  # the client is told, and the connection ends
            told = await talk.end(error, context.metrics)
            if told.kind is errors.INTERNAL:
                raise


def recogniser(context: Context, name: str | None) -> Version:
    """A model that writes speech down; without a name the first one, rather one with sessions."""
    if name is not None:
        version = context.models[name]
        if version.messages.speech_rate is None:
            raise ServerError(NOT_FOUND, f"the model {shown(name)} does not transcribe sound")
        return version
    found = [each for each in context.models if each.messages.speech_rate is not None]
    if not found:
        raise ServerError(NOT_FOUND, "no model here transcribes sound")
    return min(found, key=lambda each: each.no_sessions is not None)


def samples_of(message: bytes, dtype: str) -> NDArray[Any]:
    """The samples of a binary message; DataError where the bytes are not whole samples."""
    return ArrayForm(dtype)(message)
