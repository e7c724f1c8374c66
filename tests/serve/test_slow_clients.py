"""Clients that read or write slowly, or stop in the middle; and a log that cannot be written."""

import asyncio
import errno
import json
import logging
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from raw_sockets import connected, frame, upgrade

from elman.serve import ServerError, ServeSettings
from elman.serve.access_log import LOGGER, LineHandler
from elman.serve.conversation import Conversation
from elman.serve.events import Events
from elman.tasks import Task

Made = Callable[[str], Task]


def request(body: bytes, length: int, path: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: {{host}}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {length}\r\n\r\n".encode() + body


def others_are_answered(server: Any) -> None:
    assert server.client().predict("classify", ["a fine play"])[0].error is None


async def never(*_: Any) -> Any:
    """A network whose buffers are full, or a client that says nothing."""
    await asyncio.Event().wait()


def test_one_that_does_not_read_its_events_is_evicted() -> None:
    class Stream:
        ended: list[str | None] = []

        def close(self, *, evicted: str | None = None) -> None:
            self.ended.append(evicted)

    async def events() -> AsyncIterator[str]:
        while True:
            yield "event: update\n\n"

    async def answered() -> None:
        await Events(events(), [stream], 0.05)({"type": "http"}, never, never)

    stream: Any = Stream()
    asyncio.run(asyncio.wait_for(answered(), 10))
    assert stream.ended == ["evicted"]


def test_one_that_does_not_read_its_session_is_evicted() -> None:
    class Socket:
        receive, send_text = never, never

    async def told() -> None:
        socket: Any = Socket()
        async with Conversation(socket, ServeSettings(idle_s=0.05)) as talk:
            await talk.send("{}")

    with pytest.raises(ServerError, match="nothing was read") as caught:
        asyncio.run(asyncio.wait_for(told(), 10))
    assert caught.value.code == "evicted"


def test_one_that_stops_within_a_message_is_evicted(serving: Any, made: Made) -> None:
    with (
        serving([made("language"), made("classify")], idle_s=1) as server,
        connected(server.url, upgrade("language")) as client,
    ):
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        client.sendall(frame(b'{"type": "start"}'))
        client.sendall(frame(b'{"type": "input", "input": "the"}')[:20])
        others_are_answered(server)
        server.when_idle(20)
        came = b""
        while more := client.recv(4096):
            came += more
        assert b"no message arrived for 1 seconds" in came


def test_a_body_that_stops_coming_is_refused(serving: Any, made: Made) -> None:
    body = json.dumps({"inputs": ["a fine play"]}).encode()
    asked = request(body[:5], len(body), "/v1/models/classify/predict")
    with (
        serving([made("classify")], idle_s=0.5) as server,
        connected(server.url, asked) as client,
    ):
        others_are_answered(server)
        assert client.recv(4096).startswith(b"HTTP/1.1 400")


def test_a_body_that_comes_slowly_is_answered(serving: Any, made: Made) -> None:
    body = json.dumps({"inputs": ["a fine play"]}).encode()
    asked = request(b"", len(body), "/v1/models/classify/predict")
    with serving([made("classify")], idle_s=5) as server, connected(server.url, asked) as client:
        for i in range(len(body)):
            client.sendall(body[i : i + 1])
            time.sleep(0.01)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_full_disk_for_the_log_fails_no_request(serving: Any, made: Made) -> None:
    class Full:
        tried = 0

        def write(self, text: str) -> int:
            self.tried += 1
            raise OSError(errno.ENOSPC, "No space left on device")

        flush = None

    full, logger = Full(), logging.getLogger(LOGGER)
    handler = LineHandler(full)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with serving([made("classify")]) as server:
            others_are_answered(server)
            with urllib.request.urlopen(f"{server.url}/v1/models", timeout=20) as answer:
                assert answer.status == 200
            with server.client().session("classify") as session:
                session.accept("a fine")
                assert session.finish().error is None
        assert full.tried >= 3
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
