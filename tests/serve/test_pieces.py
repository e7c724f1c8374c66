"""Pieces of an answer: none is lost, and few messages carry them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from elman.errors import DataError
from elman.serve.pieces import EVERY, Accepting
from elman.tasks.session import Update

Accept = Callable[[Callable[[Update], None]], Any]


def received(accept: Accept) -> tuple[list[tuple[float, Any]], Any]:
    """What comes, with the seconds since the beginning; and the answer."""

    class Stream:
        async def accept(self, value: Any, options: Any, on_update: Any) -> Any:
            assert (value, options) == ("the", {"a": 1})
            return await accept(on_update)

    async def run() -> tuple[list[tuple[float, Any]], Any]:
        stream: Any = Stream()
        began, accepting = time.monotonic(), Accepting(stream, "the", {"a": 1})
        came = [(time.monotonic() - began, new) async for new in accepting]
        return came, await accepting.update

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_texts_that_come_fast_are_joined() -> None:
    letters = [str(i) for i in range(60)]

    async def accept(put: Callable[[Update], None]) -> str:
        for letter in letters:
            put(Update(None, letter))
            await asyncio.sleep(EVERY / 10)
        return "answer"

    came, answer = received(accept)
    assert answer == "answer"
    assert "".join(new for _, new in came) == "".join(letters)
    assert came[0][1] == "0"  # at once
    assert 2 < len(came) <= 2 + came[-1][0] / EVERY


def test_the_last_piece_waits_for_nothing() -> None:
    async def accept(put: Callable[[Update], None]) -> None:
        put(Update(None, "a"))
        await asyncio.sleep(0)
        put(Update(None, "b"))

    best = min(received(accept)[0][-1] for _ in range(5))
    assert best[1] == "b"
    assert best[0] < EVERY


def test_what_is_no_text_comes_one_by_one() -> None:
    async def accept(put: Callable[[Update], None]) -> None:
        for i in range(5):
            put(Update(None, {"event": i}))

    assert [new for _, new in received(accept)[0]] == [{"event": i} for i in range(5)]


def test_an_answer_without_pieces_and_one_that_fails() -> None:
    async def silent(put: Callable[[Update], None]) -> str:
        return "answer"

    async def failing(put: Callable[[Update], None]) -> None:
        put(Update(None, "a"))
        raise DataError("chunk is wrong")

    assert received(silent) == ([], "answer")
    with pytest.raises(DataError, match="chunk is wrong"):
        received(failing)
