"""The clients of `serve.py`, in a process of their own: what they take is not the server's time."""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.serve import AsyncClient, Client

CHUNK = 0.1  # seconds of sound that a client sends at a time
FLOATS: Any = {"binary": ("float32", [-1])}

Ask = Callable[..., Any]  # a function of this module, and its arguments


@contextmanager
def clients() -> Iterator[Ask]:
    """A process that runs functions of this module and returns what they give."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there,), daemon=True)
    process.start()

    def ask(function: Callable[..., Any], *arguments: Any) -> Any:
        here.send((function, arguments))
        while not here.poll(1):
            if not process.is_alive():
                raise RuntimeError("the clients' process has ended")
        found = here.recv()
        if isinstance(found, Exception):
            raise found
        return found

    try:
        yield ask
    finally:
        process.kill()
        process.join()


def _work(connection: Connection) -> None:
    while True:
        function, arguments = connection.recv()
        try:
            connection.send(function(*arguments))
        except Exception as error:  # raised again by who asked
            connection.send(error)


def answers(url: str, sounds: list[NDArray[Any]]) -> list[tuple[Any, float | None]]:
    """The text and the score of each sound, all streams at once, each in its own odd pieces."""

    async def one(client: AsyncClient, i: int) -> tuple[Any, float | None]:
        draw = np.random.default_rng(i)
        cuts = np.sort(draw.integers(0, len(sounds[i]), 12))
        async with client.session("speech", **FLOATS) as session:
            for piece in np.split(sounds[i], cuts):
                await session.accept(piece)
            found = await session.finish()
        return found.value, found.details.get("score")

    async def every() -> list[Any]:
        client = AsyncClient(url, timeout=300)
        return list(await asyncio.gather(*(one(client, i) for i in range(len(sounds)))))

    return asyncio.run(every())


def delays(url: str, streams: int, samples: NDArray[Any], rate: int) -> list[float]:
    """Seconds from each chunk's end to its partial text, of streams that speak at their pace."""
    client, found = AsyncClient(url, timeout=60), []
    size = round(CHUNK * rate)
    chunks = [samples[at : at + size] for at in range(0, len(samples), size)]
    draw = np.random.default_rng(streams)

    async def one(offset: float) -> None:
        async with client.session("speech", **FLOATS) as session:
            begin = time.perf_counter() + offset
            for i, chunk in enumerate(chunks):
                due = begin + (i + 1) * CHUNK
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await session.accept(chunk)
                found.append(time.perf_counter() - due)

    async def every() -> None:
        await asyncio.gather(*(one(float(draw.uniform(0, CHUNK))) for _ in range(streams)))

    asyncio.run(every())
    return found


def write(url: str, sessions: int, length: int, *, together: bool) -> float:
    """Seconds in which so many sessions write texts of `length` tokens, or one after another."""

    async def one(client: AsyncClient) -> None:
        async with client.session("language", length=length, temperature=0) as session:
            await session.accept("the cat")

    async def every() -> None:
        client = AsyncClient(url, timeout=300)
        if together:
            await asyncio.gather(*(one(client) for _ in range(sessions)))
        else:
            for _ in range(sessions):
                await one(client)

    begin = time.perf_counter()
    asyncio.run(every())
    return time.perf_counter() - begin


def written_together(url: str, sessions: int, length: int) -> float:
    return write(url, sessions, length, together=True)


def written_one_by_one(url: str, sessions: int, length: int) -> float:
    return write(url, sessions, length, together=False)


def latency(url: str, calls: int) -> float:
    """Seconds that one step of a session takes over the socket, the median."""
    times = []
    with Client(url).session("language", length=1, save_every=0) as session:
        for _ in range(calls):
            begin = time.perf_counter()
            session.accept("a")
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def connect(url: str, samples: NDArray[Any], first: int, stop: int, seconds: float) -> int:
    """Connections from number `first`, each second one dropped in mid-stream; how many were made
    until `stop` or the end of the time."""
    until = time.monotonic() + seconds

    async def one(client: AsyncClient, i: int) -> None:
        async with client.session("speech", retries=0, **FLOATS) as session:
            await session.accept(samples)
            if i % 2:
                session._socket.transport.abort()
            else:
                await session.finish()

    async def some() -> int:
        client, at = AsyncClient(url, timeout=60), first
        while at < stop and time.monotonic() < until:
            last = min(at + 20, stop)
            await asyncio.gather(*(one(client, i) for i in range(at, last)))
            at = last
        return at

    return asyncio.run(some())
