"""What a server holds: equal streams, real-time streams, throughput together and alone, latency,
dropped connections. On loopback addresses only; prints a table in Markdown.

    python benchmarks/serve.py            # ten minutes at most, on two cores with nothing beside it
    python benchmarks/serve.py --quick    # a fifth of it

The clients run in a process of their own on the same cores. "Processor time" is that of the
server's process alone, or where it says so of its compute thread.
"""

import argparse
import asyncio
import gc
import os
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import serve_clients
from serve_clients import Ask, clients

import elman
from elman.data import Audio
from elman.serve import background
from elman.serve.batcher import Batcher
from elman.serve.metrics import Metrics
from elman.tasks import Language, Speech

RATE = 8000
TONES = {"a": 500, "b": 1200, "c": 2400}
TOGETHER = 32
Row = tuple[str, str]


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


def language_model(*, ngrams: bool) -> Language:
    """An LSTM of 256 units, with n-grams beside it or not."""
    sizes: Any = {"hidden_size": 256, "embedding_size": 64, "batch_size": 4}
    task = Language(**sizes, epochs=1, max_steps=4, ngram_model=ngrams)
    return task.fit(["the cat sat on the mat. " * 400], progress=False)


def counted(metrics: Metrics, name: str) -> float:
    """A number that the metrics of the only model have."""
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name == name:
                return sample.value
    return 0.0


def equal_streams(ask: Ask, task: Speech, count: int) -> list[Row]:
    """All streams at once, each in its own odd pieces, against `predictions` offline."""
    sounds = [spoken(text, i) for i, text in enumerate(texts(count, 4, seed=7))]
    expected = task.predictions(sounds)
    with background([task], max_sessions=count) as server:
        found = ask(serve_clients.answers, server.url, [each.samples for each in sounds])
        metrics = server.context.metrics
        streams, batches = (
            counted(metrics, f"elman_batch_size_{name}") for name in ("sum", "count")
        )
    same = sum(text == each.value for (text, _), each in zip(found, expected, strict=True))
    worst = max(
        abs(score - each.details["score"])
        for (_, score), each in zip(found, expected, strict=True)
        if each.value is not None
    )
    return [
        (f"{count} streams at once: texts equal to those of predict", f"{same}"),
        ("largest difference of scores", f"{worst:.1e}"),
        ("mean batch size", f"{streams / max(batches, 1):.1f}"),
    ]


def real_time_streams(ask: Ask, task: Speech, most: int, seconds: float) -> list[Row]:
    """The largest number of streams whose partials come within 300 ms at the 95th percentile."""
    sound = spoken("ab ca bc cab " * 20, 1).samples[: round(seconds * RATE)]
    held, at, rows = 0, 0.0, []
    with background([task], max_sessions=most) as server:
        streams = 8
        while streams <= most:
            begin = time.process_time()
            delays = sorted(ask(serve_clients.delays, server.url, streams, sound, RATE))
            used = 1000 * (time.process_time() - begin) / streams / seconds
            p95 = 1000 * delays[int(0.95 * len(delays))]
            value = f"{p95:.0f} ms ({used:.1f} ms)"
            name = f"{streams} real-time streams: p95 of partials (processor time per second)"
            rows.append((name, value))
            if p95 > 300:
                break
            held, at = streams, p95
            streams = round(streams * 1.5)
    name = "real-time speech streams (2 x 256) with p95 <= 300 ms"
    return [*rows, (name, f"{held} ({at:.0f} ms)")]


def throughput(ask: Ask, task: Language, length: int, name: str) -> list[Row]:
    """Tokens a second, and the server's processor time for one, of sessions together and not."""

    def timed(function: Any, sessions: int) -> tuple[float, float]:
        begin, tokens = time.process_time(), sessions * length
        seconds = ask(function, server.url, sessions, length)
        return tokens / seconds, 1e6 * (time.process_time() - begin) / tokens

    with background([task]) as server:
        timed(serve_clients.written_together, 4)
        rounds = [
            (
                *timed(serve_clients.written_together, TOGETHER),
                *timed(serve_clients.written_one_by_one, 8),
            )
            for _ in range(3)
        ]
    columns = list(zip(*rounds, strict=True))
    fast, slow = max(columns[0]), max(columns[2])
    less, more = min(columns[1]), min(columns[3])
    return [
        (
            f"{name}: tokens per second, {TOGETHER} sessions together / one by one",
            f"{fast:,.0f}, {slow:,.0f}",
        ),
        (f"{name}: gain", f"{fast / slow:.1f}"),
        (
            f"{name}: processor time per token, together / one by one",
            f"{less:.0f} us, {more:.0f} us",
        ),
        (f"{name}: gain in processor time", f"{more / less:.1f}"),
    ]


def without_sockets(task: Any, give: Callable[[Any], Any], amount: float) -> dict[int, float]:
    """Seconds of the compute thread for one of `amount`, of 1, 8 and 32 streams together."""
    found = {}
    for count in (1, 8, TOGETHER):
        times = []
        for _ in range(3):
            metrics = Metrics()
            batcher = Batcher(task.name, TOGETHER, 5, metrics)

            async def one(i: int, batcher: Batcher = batcher) -> None:
                for steps in give(task):
                    await batcher.run(i, steps)

            async def every(count: int = count, one: Any = one) -> None:
                await asyncio.gather(*(one(i) for i in range(count)))

            asyncio.run(every())
            batcher.close()
            batcher.join(5)
            times.append(counted(metrics, "elman_compute_seconds_total") / count / amount)
        found[count] = min(times)
    return found


def compute_times(speech: Speech, language: Language, length: int) -> list[Row]:
    """What the compute thread takes, without sockets."""
    seconds = 4
    sound = spoken("ab ca bc cab " * 9, 1).samples[: seconds * RATE]
    size = round(serve_clients.CHUNK * RATE)
    chunks = [sound[at : at + size] for at in range(0, len(sound), size)]

    def speaking(**options: Any) -> Callable[[Any], Any]:
        def give(task: Any) -> Any:
            session = task.session(**options)
            yield from (session.accepting(chunk) for chunk in chunks)
            yield session.finishing()

        return give

    def writing(task: Any) -> Any:
        yield task.session(length=length, temperature=0).accepting("the cat")

    def told(times: dict[int, float], unit: float) -> str:
        return ", ".join(f"{each * unit:.3g}" for each in times.values())

    name = "compute thread, 1, 8, 32 streams:"
    greedy = without_sockets(speech, speaking(partial="greedy"), seconds)
    beam = without_sockets(speech, speaking(partial="beam"), seconds)
    tokens = without_sockets(language, writing, length)
    return [
        (f"{name} per second of speech, greedy partial texts", f"{told(greedy, 1e3)} ms"),
        (f"{name} per second of speech, partial texts by beam search", f"{told(beam, 1e3)} ms"),
        (f"{name} per token", f"{told(tokens, 1e6)} us"),
    ]


def added_latency(ask: Ask, task: Language, calls: int) -> list[Row]:
    """What a request over the socket costs a single session beside the call itself."""

    def at_hand() -> float:
        session, times = task.session(length=1), []
        for _ in range(calls):
            begin = time.perf_counter()
            session.accept("a")
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    with background([task]) as server:
        version = next(iter(server.context.models))
        rounds = [
            (
                at_hand(),
                in_batcher(version, task.session(length=1), calls),
                ask(serve_clients.latency, server.url, calls),
            )
            for _ in range(3)
        ]
    call, batched, remote = (min(each) for each in zip(*rounds, strict=True))
    return [
        ("one step of a session, without server", f"{call * 1e6:.0f} us"),
        ("added by the batcher", f"{(batched - call) * 1e6:.0f} us"),
        ("added in total, with WebSocket, JSON and client", f"{(remote - call) * 1e6:.0f} us"),
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


def dropped(ask: Ask, task: Speech, count: int, seconds: float) -> list[Row]:
    """Connections, every second of them lost in mid-stream: memory, and what is left over."""
    sound, warm = spoken("ab", 1).samples[:1600], min(1000, count // 2)
    until = time.monotonic() + seconds
    with background([task], max_sessions=100) as server:
        made = ask(serve_clients.connect, server.url, sound, 0, warm, seconds / 2)
        first, begun = resident(), made
        left = until - time.monotonic()
        made = ask(serve_clients.connect, server.url, sound, made, count, left)
        last = resident()
        deadline = time.monotonic() + 10
        while not server.context.sessions.is_idle and time.monotonic() < deadline:
            time.sleep(0.05)
        over = len(server.context.sessions.slots)
    name = f"memory after {made:,} connections, half of them dropped, against {begun:,}"
    if made < count:
        name += f" (asked for {count:,}; the time was up)"
    return [
        (name, f"{100 * (last - first) / first:+.1f} %"),
        ("sessions not closed", f"{over}"),
    ]


def resident() -> int:
    """Bytes of memory that this process, the server, has."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--model", help="folder of a speech model to use in place of a new one")
    quick, model = vars(parser.parse_args()).values()
    warnings.simplefilter("ignore")
    speech: Any = speech_model() if model is None else elman.load(model)
    alone, beside = (language_model(ngrams=ngrams) for ngrams in (False, True))
    length = 50 if quick else 200
    print(f"| cores: {len(os.sched_getaffinity(0))} | measured |\n|---|---|")
    with clients() as ask:
        parts: list[Callable[[], list[Row]]] = [
            lambda: equal_streams(ask, speech, 40 if quick else 200),
            lambda: real_time_streams(ask, speech, 200, 4 if quick else 10),
            lambda: throughput(ask, alone, length, "LSTM 256"),
            lambda: throughput(ask, beside, length, "LSTM 256 with n-grams"),
            lambda: compute_times(speech, alone, length),
            lambda: added_latency(ask, alone, 200 if quick else 1000),
            lambda: dropped(ask, speech, 2000 if quick else 10_000, 60 if quick else 240),
        ]
        for part in parts:
            for name, value in part():
                print(f"| {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
