"""What comes on the way to an answer, a few messages at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from elman.serve.sessions import Stream
from elman.tasks.session import Update

EVERY = 0.04  # seconds between messages: one for each token takes more time than the token


class Accepting:
    """Input that a session takes; iterating gives what is new on the way to the answer.

    The first piece comes at once, those after it every 40 ms, texts joined to one, and the last
    as soon as the answer is there.

    **Attributes:** `update`: the answer.
    """

    def __init__(self, stream: Stream, value: Any, options: Mapping[str, Any]) -> None:
        self._came: list[Update] = []
        self._changed, self._ended = asyncio.Event(), asyncio.Event()
        self.update = asyncio.create_task(stream.accept(value, options, self._put))
        self.update.add_done_callback(self._end)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            await self._changed.wait()
            self._changed.clear()
            came, self._came = self._came, []
            for new in _joined(came):
                yield new
            if self._ended.is_set() and not self._changed.is_set():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._ended.wait()

    def cancel(self) -> None:
        """End it, if there is no answer yet."""
        self.update.cancel()

    def _put(self, update: Update) -> None:
        self._came.append(update)
        self._changed.set()

    def _end(self, _: object) -> None:
        self._ended.set()
        self._changed.set()


def _joined(updates: Sequence[Update]) -> Iterator[Any]:
    news = [update.new for update in updates]
    if news and all(isinstance(new, str) for new in news):
        yield "".join(news)
    else:
        yield from news
