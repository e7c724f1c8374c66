"""The program `elman serve`: how it starts, drains and replaces workers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from elman.serve import Client, ServerError, ServeSettings
from elman.serve.server import announcement, listening


@contextmanager
def program(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "elman.cli", "serve", str(folder), "--port", "0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            assert process.stderr is not None
            url = process.stderr.readline().split()[3]
            assert "no token" in process.stderr.readline()
            deadline = time.monotonic() + 60
            while readiness(url) != 200:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield process, url
        finally:
            process.kill()


def readiness(url: str, path: str = "/readyz") -> int:
    try:
        with urllib.request.urlopen(url + path, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True
    )
    return [int(number) for number in found.stdout.split()]


def test_sigterm_finishes_what_is_open_and_refuses_new(folder: Path) -> None:
    with program(folder, "--drain-s", "20") as (process, url):
        client = Client(url)
        session = client.session("language", length=3)
        session.accept("the")
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while readiness(url) != 503:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert readiness(url, "/healthz") == 200
        for refused in (
            lambda: client.session("language", retries=0),
            lambda: client.predict("language", ["the"]),
        ):
            with pytest.raises(ServerError) as caught:
                refused()
            assert caught.value.code == "draining"
        assert session.accept(" cat").value
        assert session.finish().value
        assert process.wait(10) == 0
        assert process.stderr is not None
        log = [json.loads(line) for line in process.stderr if line.startswith("{")]
    assert {each["kind"] for each in log} == {"http", "websocket"}
    assert not any("cat" in json.dumps(each) for each in log)  # no contents


def test_what_is_not_finished_in_time_is_cut_off(folder: Path) -> None:
    with program(folder, "--drain-s", "0.5") as (process, url):
        session = Client(url).session("language", retries=0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        with pytest.raises(ServerError):
            session.accept("the")
        session.close()


def metrics_of(url: str) -> dict[str, float]:
    """The values that `/metrics` tells, by name and labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
        lines = response.read().decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs)
    return {name: float(value) for name, value in pairs}


def test_workers_that_are_killed_are_replaced_and_metrics_are_those_of_all(folder: Path) -> None:
    opened, now, latencies = (
        f'elman_{name}{{model="language"}}'
        for name in ("sessions_opened_total", "sessions", "latency_seconds_count")
    )
    count = 8
    with program(folder, "--workers", "2", "--drain-s", "1") as (process, url):
        client = Client(url)
        options: Any = {"retries": 8, "length": 3, "temperature": 0}
        sessions = [client.session("language", **options) for _ in range(count)]
        texts = [session.accept("the").value for session in sessions]
        for _ in range(8):  # whichever worker answers
            found = metrics_of(url)
            assert (found[opened], found[now], found[latencies]) == (count, count, 2 * count)
        workers = workers_of(process)
        assert len(workers) == 2
        for number in workers:
            os.kill(number, signal.SIGKILL)
        for session, text in zip(sessions, texts, strict=True):
            again = session.accept(" cat").value  # from the inputs so far, on a new worker
            assert again.startswith(text)
        found = metrics_of(url)
        assert found[now] == count  # none of those that died
        assert found[opened] == 2 * count  # a counter never falls
        for session in sessions:
            session.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_it_says_where_it_listens_and_who_may_use_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-long-token")
    for host, token, words in (
        ("127.0.0.1", None, "this machine may use it"),
        ("0.0.0.0", None, "whoever reaches this address"),
        ("127.0.0.1", tmp_path / "token", None),
    ):
        settings = ServeSettings(host=host, port=0, token_file=token)
        with listening(settings) as listener:
            text = announcement(settings, listener)
            assert f"http://{host}:{listener.getsockname()[1]}" in text
            assert (words in text) if words else "no token" not in text


def test_an_address_that_is_taken() -> None:
    with listening(ServeSettings(port=0)) as listener:
        taken = ServeSettings(port=listener.getsockname()[1])
        with pytest.raises(Exception, match="cannot listen there: Address already in use"):
            listening(taken)
