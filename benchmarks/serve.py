"""What a server holds: equal streams, real-time streams, throughput together and alone, latency,
dropped connections. On loopback addresses only; prints a table.

    python benchmarks/serve.py            # about ten minutes on two cores
    python benchmarks/serve.py --quick    # a fifth of it
"""

import argparse
import asyncio
import gc
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import elman
from elman.data import Audio
from elman.serve import AsyncClient, Client, background
from elman.tasks import Language, Speech

RATE = 8000
CHUNK = 0.1  # seconds
TONES = {"a": 500, "b": 1200, "c": 2400}
Row = tuple[str, str, str]


def spoken(text: str, seed: int) -> Audio:
    """Tones for letters, 100 ms each, in faint noise."""
    draw = np.random.default_rng([seed, *text.encode()])
    quiet = np.zeros(400)
    parts = [quiet]
    for letter in text:
        time_ = np.arange(800) / RATE
        parts += [np.sin(2 * np.pi * TONES.get(letter, 0) * time_) / 2, quiet]
    sound = np.concatenate([*parts, quiet, quiet])
    return Audio((sound + 0.01 * draw.standard_normal(len(sound))).astype(np.float32), RATE)


def texts(count: int, words: int, seed: int = 0) -> list[str]:
    draw = np.random.default_rng(seed)
    known = ["ab", "bc", "cab", "ca"]
    return [" ".join(draw.choice(known, draw.integers(1, words + 1))) for _ in range(count)]


def speech_model() -> Speech:
    """2 x 256 units, trained for some seconds: its scores are as peaked as those of a real one."""
    pairs = [(spoken(text, i), text) for i, text in enumerate(texts(60, 4))]
    task = Speech(
        hidden_size=256, num_layers=2, epochs=12, lr=0.003, batch_size=8, bidirectional=False
    )
    return task.fit(pairs[:50], pairs[50:], progress=False)


def language_model() -> Language:
    """An LSTM of 256 units."""
    task = Language(hidden_size=256, embedding_size=64, epochs=1, max_steps=4, batch_size=4)
    return task.fit(["the cat sat on the mat. " * 400], progress=False)


def mean_batch(context: Any) -> float:
    """Streams in a batch of the only model, on average."""
    value = context.metrics.registry.get_sample_value
    (version,) = context.models
    count = value("elman_batch_size_count", {"model": version.name}) or 0.0
    total = value("elman_batch_size_sum", {"model": version.name}) or 0.0
    return float(total / max(count, 1))


def equal_streams(task: Speech, count: int) -> list[Row]:
    """All streams at once, each in its own odd pieces, against `predictions` offline."""
    sounds = [spoken(text, i) for i, text in enumerate(texts(count, 4, seed=7))]
    expected = task.predictions(sounds)

    async def one(client: AsyncClient, i: int) -> Any:
        draw = np.random.default_rng(i)
        cuts = np.sort(draw.integers(0, len(sounds[i].samples), 12))
        async with client.session("speech", binary=("float32", [-1])) as session:
            for piece in np.split(sounds[i].samples, cuts):
                await session.accept(piece)
            return await session.finish()

    async def every(url: str) -> list[Any]:
        client = AsyncClient(url, timeout=300)
        return list(await asyncio.gather(*(one(client, i) for i in range(count))))

    with background([task], max_sessions=count) as server:
        found = asyncio.run(every(server.url))
        batch = mean_batch(server.context)
    same = sum(a.value == b.value for a, b in zip(found, expected, strict=True))
    worst = max(
        abs(a.details["score"] - b.details["score"])
        for a, b in zip(found, expected, strict=True)
        if b.value is not None
    )
    return [
        (f"{count} streams at once: texts equal to the offline ones", f"{same}", f"{count}"),
        ("largest difference of their scores", f"{worst:.1e}", "<= 1e-05"),
        ("mean size of their batches", f"{batch:.1f}", ""),
    ]


async def real_time(url: str, streams: int, sound: Audio) -> list[float]:
    """Seconds from each chunk's end to its partial, of streams that speak at their pace."""
    client, delays = AsyncClient(url, timeout=60), []
    size = round(CHUNK * RATE)
    chunks = [sound.samples[at : at + size] for at in range(0, len(sound.samples), size)]
    draw = np.random.default_rng(streams)

    async def one(offset: float) -> None:
        async with client.session("speech", binary=("float32", [-1])) as session:
            begin = time.perf_counter() + offset
            for i, chunk in enumerate(chunks):
                due = begin + (i + 1) * CHUNK
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await session.accept(chunk)
                delays.append(time.perf_counter() - due)

    await asyncio.gather(*(one(float(draw.uniform(0, CHUNK))) for _ in range(streams)))
    return delays


def real_time_streams(task: Speech, most: int, seconds: float) -> list[Row]:
    """The largest number of streams whose partials come within 300 ms at the 95th percentile."""
    sound = spoken("ab ca bc cab " * 20, 1)
    sound = Audio(sound.samples[: round(seconds * RATE)], RATE)
    held, at, rows = 0, 0.0, []
    with background([task], max_sessions=most) as server:
        streams = 8
        while streams <= most:
            delays = sorted(asyncio.run(real_time(server.url, streams, sound)))
            p95 = delays[int(0.95 * len(delays))]
            rows.append(
                (f"  {streams} real-time streams: p95 of partials", f"{p95 * 1e3:.0f} ms", "")
            )
            if p95 > 0.3:
                break
            held, at = streams, p95
            streams = round(streams * 1.5)
    name = "real-time speech streams (2 x 256) with p95 <= 300 ms, client on the same cores"
    return [*rows, (name, f"{held} ({at * 1e3:.0f} ms)", "")]


def throughput(task: Language, length: int) -> list[Row]:
    """Tokens a second of 32 sessions together and one after another."""
    options = {"length": length, "temperature": 0}

    async def write(client: AsyncClient) -> None:
        async with client.session("language", **options) as session:
            await session.accept("the cat")

    async def together(url: str, count: int) -> float:
        client = AsyncClient(url, timeout=300)
        begin = time.perf_counter()
        await asyncio.gather(*(write(client) for _ in range(count)))
        return count * length / (time.perf_counter() - begin)

    async def one_by_one(url: str, count: int) -> float:
        client = AsyncClient(url, timeout=300)
        begin = time.perf_counter()
        for _ in range(count):
            await write(client)
        return count * length / (time.perf_counter() - begin)

    def timed(sessions: int, run: Any) -> tuple[float, float]:
        """Tokens a second, and microseconds of processor time for one, client included."""
        begin = time.process_time()
        rate = asyncio.run(run(server.url, sessions))
        return rate, 1e6 * (time.process_time() - begin) / sessions / length

    with background([task]) as server:
        asyncio.run(together(server.url, 4))
        rounds = [(*timed(32, together), *timed(8, one_by_one)) for _ in range(3)]
    columns = list(zip(*rounds, strict=True))
    best, processor = [max(columns[0]), max(columns[2])], [min(columns[1]), min(columns[3])]
    ratio = best[0] / best[1]
    return [
        ("LSTM 256, 32 sessions together, tokens a second", f"{best[0]:,.0f}", ""),
        ("the same one by one", f"{best[1]:,.0f}", ""),
        ("gain", f"{ratio:.1f}", ">= 4"),
        (
            "processor time of a token, client included: together, one by one",
            f"{processor[0]:.0f}, {processor[1]:.0f} us",
            "",
        ),
    ]


def added_latency(task: Language, calls: int) -> list[Row]:
    """What a request over the socket costs a single session beside the call itself."""

    def median(call: Callable[[str], Any]) -> float:
        times = []
        for _ in range(calls):
            begin = time.perf_counter()
            call("a")
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    with background([task]) as server:
        session = Client(server.url).session("language", length=1, save_every=0)
        version = next(iter(server.context.models))
        here = task.session(length=1)
        rounds = [
            (
                median(here.accept),
                in_batcher(version, task.session(length=1), calls),
                median(session.accept),
            )
            for _ in range(3)
        ]
        session.close()
    call, batched, remote = (min(each) for each in zip(*rounds, strict=True))
    return [
        ("one step of a session called at hand", f"{call * 1e6:.0f} us", ""),
        ("added by the batcher", f"{(batched - call) * 1e6:.0f} us", "<= 1000 us"),
        ("added in all, with WebSocket, JSON and client", f"{(remote - call) * 1e6:.0f} us", ""),
    ]


def in_batcher(version: Any, session: Any, calls: int) -> float:
    async def use() -> float:
        times = []
        for _ in range(calls):
            begin = time.perf_counter()
            await version.batcher.run("a", session.accepting("a"))
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    return asyncio.run(use())


def dropped(task: Speech, count: int) -> list[Row]:
    """Connections, every second of them lost in mid-stream: memory, and what is left over."""
    sound = spoken("ab", 1).samples[:1600]

    async def one(client: AsyncClient, i: int) -> None:
        async with client.session("speech", retries=0, binary=("float32", [-1])) as session:
            await session.accept(sound)
            if i % 2:
                session._socket.transport.abort()
            else:
                await session.finish()

    async def some(url: str, numbers: range) -> None:
        client = AsyncClient(url, timeout=60)
        for at in range(numbers.start, numbers.stop, 20):
            await asyncio.gather(*(one(client, i) for i in range(at, min(at + 20, numbers.stop))))

    with background([task], max_sessions=100) as server:
        asyncio.run(some(server.url, range(1000)))
        gc.collect()
        first = resident()
        asyncio.run(some(server.url, range(1000, count)))
        gc.collect()
        last = resident()
        deadline = time.monotonic() + 10
        while not server.context.sessions.is_idle and time.monotonic() < deadline:
            time.sleep(0.05)
        left = len(server.context.sessions.slots)
    grown = 100 * (last - first) / first
    return [
        (
            f"memory after {count:,} connections, half of them dropped, against 1,000",
            f"{grown:+.1f} %",
            "<= 2 %",
        ),
        ("sessions left over", f"{left}", "0"),
    ]


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--model", help="folder of a speech model to use in place of a new one")
    quick, model = vars(parser.parse_args()).values()
    warnings.simplefilter("ignore")
    speech: Any = speech_model() if model is None else elman.load(model)
    language = language_model()
    parts: list[Callable[[], list[Row]]] = [
        lambda: equal_streams(speech, 40 if quick else 200),
        lambda: real_time_streams(speech, 200, 4 if quick else 10),
        lambda: throughput(language, 50 if quick else 200),
        lambda: added_latency(language, 200 if quick else 1000),
        lambda: dropped(speech, 2000 if quick else 10_000),
    ]
    for part in parts:
        for name, value, wanted in part():
            print(f"| {name} | {value} | {wanted} |", flush=True)


if __name__ == "__main__":
    main()
