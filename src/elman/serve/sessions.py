"""Open sessions: each in a slot, with its model, until it ends or is evicted."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from elman.serve.batcher import ONE_SHOT
from elman.serve.errors import DRAINING, TOO_LARGE, TOO_MANY, TOO_SLOW, ServerError
from elman.serve.metrics import Metrics
from elman.serve.models import Version
from elman.serve.settings import ServeSettings
from elman.serve.slots import Handle, Slots
from elman.serve.values import size_of
from elman.tasks.prediction import Prediction
from elman.tasks.session import Session, Update, is_stepped
from elman.tasks.steps import Steps

OnUpdate = Callable[[Update], None]


class Stream:
    """One open session of a client; its calls come one after another."""

    def __init__(
        self,
        sessions: "Sessions",
        version: Version,
        session: Session,
        options: Mapping[str, Any],
    ) -> None:
        self.version = version
        self.handle: Handle | None = None
        self._sessions, self._session, self._options = sessions, session, dict(options)
        self._size = 0

    async def accept(
        self, value: Any, options: Mapping[str, Any], on_update: OnUpdate | None = None
    ) -> Update:
        """Give the session more input, with keywords of `accept`.

        `ServerError` if it has ended, or takes no more.
        """
        messages = self.version.messages
        self._size += size_of(value)
        if messages.most_input is not None and self._size > messages.most_input:
            raise ServerError(
                TOO_LARGE, f"a session of {self.version.name} takes {messages.most_input:,} bytes"
            )
        began = time.perf_counter()
        length = 0.0

        def steps(session: Session) -> Steps[Update]:
            nonlocal length
            given = messages.check_chunk_options(session, options)
            chunk = messages.chunk(value)
            length = messages.seconds(chunk, self._options)
            if is_stepped(session):
                return (yield from session.accepting(chunk, **given))
            return session.accept(chunk, **given)

        found: Update = await self._run(steps, on_update)
        if length:
            self._sessions.metrics.heard(self.version.name, length, time.perf_counter() - began)
        return found

    async def finish(self, on_update: OnUpdate | None = None) -> Prediction:
        """The answer when all input has come; the session ends."""

        def steps(session: Session) -> Steps[Prediction]:
            if is_stepped(session):
                return (yield from session.finishing())
            return session.finish()

        found: Prediction = await self._run(steps, on_update)
        self.close()
        return found

    async def state(self) -> Mapping[str, Any]:
        """All that the session remembers."""

        def steps(session: Session) -> Steps[Mapping[str, Any]]:
            yield from ()
            return session.state

        found: Mapping[str, Any] = await self._run(steps)
        return found

    def close(self, *, evicted: str | None = None) -> None:
        """End the session and forget all of it; `evicted`: why, if its client did not end it."""
        if self.handle is not None and self._sessions.release(self):
            if evicted is not None:
                self._sessions.metrics.evicted.labels(evicted).inc()
            del self._session

    async def _run(
        self, steps: Callable[[Session], Steps[Any]], on_update: OnUpdate | None = None
    ) -> Any:
        assert self.handle is not None
        self._sessions.slots.require(self.handle)
        return await self._sessions.computed(
            self.version, self.handle, steps(self._session), on_update=on_update
        )


class Sessions:
    """All open sessions of a server, and what is computed for requests that need none.

    **Attributes:** `draining`: whether new ones are refused, as the server is to end.
    """

    def __init__(self, settings: ServeSettings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.slots: Slots[Stream] = Slots(settings.max_sessions)
        self.draining = False
        self._requests = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open and nothing is computed."""
        return not len(self.slots) and not self._requests

    async def open(
        self, version: Version, options: Mapping[str, Any], state: Mapping[str, Any] | None = None
    ) -> Stream:
        """A new session of a model, from the `state` of an earlier one if there is one."""
        self.check_open()
        version.check_sessions()
        self.slots.check_free()

        def steps() -> Steps[Session]:
            yield from ()
            return version.messages.session(options, state)

        with version, self.request():
            session = await self.computed(version, object(), steps())
            stream = Stream(self, version, session, options)
            stream.handle = self.slots.take(stream)
            version.__enter__()
        self.metrics.opened.labels(version.name).inc()
        self.metrics.sessions.labels(version.name).inc()
        return stream

    def release(self, stream: Stream) -> bool:
        """Free a stream's slot; False if it was free already."""
        assert stream.handle is not None
        if not self.slots.release(stream.handle):
            return False
        self.metrics.sessions.labels(stream.version.name).dec()
        stream.version.__exit__()
        return True

    async def predict(
        self, version: Version, values: list[Any], options: Mapping[str, Any]
    ) -> list[Prediction]:
        """The answers to inputs that are complete."""
        self.check_open()
        with version, self.request():
            found: list[Prediction] = await self.computed(
                version, object(), version.messages.predictions(values, options), slack=ONE_SHOT
            )
        return found

    def check_open(self) -> None:
        """`ServerError` while the server ends or has too much to do."""
        if self.draining:
            raise ServerError(DRAINING, "the server is ending and takes nothing new")
        if self._requests >= self.settings.max_waiting:
            raise ServerError(TOO_MANY, f"{self._requests} requests are waiting: try later")

    @contextmanager
    def request(self) -> Iterator[None]:
        """Within it a request is counted as waiting."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    async def computed(
        self, version: Version, stream: object, steps: Steps[Any], **options: Any
    ) -> Any:
        """The result of steps in the model's compute thread; `ServerError` if it takes too long."""
        self.metrics.waiting.inc()
        try:
            return await version.batcher.run(
                stream, steps, seconds=self.settings.max_seconds, **options
            )
        except TimeoutError:
            raise ServerError(
                TOO_SLOW, f"no answer within {self.settings.max_seconds:g} seconds"
            ) from None
        finally:
            self.metrics.waiting.dec()
