"""Live sources played in real time: a stream over TCP from this process, and a named pipe."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from videos import number_of, ramp, write_video

from elman.data import LiveSource, is_live
from elman.data.video.frame_format import FrameFormat
from elman.errors import DataError, SettingsError

GREY = FrameFormat(size=(48, 64), grey=True)


@contextmanager
def camera(video: Path, *, times: int = 1, seconds: float = 0.5) -> Iterator[tuple[str, list[int]]]:
    """An address that sends the file to each of so many clients in turn, within some seconds, and
    how many have come."""
    server, came = socket.create_server(("127.0.0.1", 0)), [0]
    content = video.read_bytes()

    def serve() -> None:
        for _ in range(times):
            try:
                client, _ = server.accept()
            except OSError:
                return
            came[0] += 1
            with client, suppress(OSError):  # where the other side has gone
                for i in range(20):
                    part = slice(len(content) * i // 20, len(content) * (i + 1) // 20)
                    client.sendall(content[part])
                    time.sleep(seconds / 20)
        server.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}", came
    finally:
        server.close()
        thread.join(5)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("live") / "a.ts", ramp(30), codec="mpeg2video")


def test_what_is_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("1").write_bytes(b"")
    for source in ("0", "rtsp://door:554/1", "HTTP://a/b.m3u8", "udp://0.0.0.0:1234", "pipe"):
        assert is_live(source)
    for source in ("1", "clip.mp4", "folder/0", "clips.csv", "a\0b", ""):
        assert not is_live(source)


def test_frames_come_in_order_with_their_times(video: Path) -> None:
    with camera(video) as (address, _), LiveSource(address, retries=0) as source:
        found = list(source.frames(GREY))
    numbers = [number_of(each.frame) for each in found]
    assert numbers == sorted(set(numbers))
    np.testing.assert_allclose([each.time for each in found], np.array(numbers) / 30, atol=2e-3)
    assert source.facts.frames == 30
    assert len(found) + source.facts.dropped == 30


def test_a_broken_connection_is_made_again(video: Path) -> None:
    told: list[str] = []
    with (
        camera(video, times=3, seconds=0.1) as (address, came),
        LiveSource(address, retries=2, told=told.append) as source,
    ):
        found = list(source.frames(GREY))
    assert came == [3]
    assert source.facts.frames == len(found) + source.facts.dropped == 90
    assert source.facts.reconnected == 2
    for each in found:
        assert round(each.time * 30) % 30 == number_of(each.frame)
    assert (np.diff([each.time for each in found]) > 0).all()
    assert found[-1].time == pytest.approx(89 / 30, abs=2e-3)
    assert "attempt 1 of 2 to connect again in 0.25 s" in told[0]
    assert told[-1].endswith("given up")


def test_frames_that_are_not_read_in_time_are_dropped(video: Path) -> None:
    with (
        camera(video, seconds=0.1) as (address, _),
        LiveSource(address, retries=0) as source,
    ):
        frames = source.frames(GREY)
        first = next(frames)
        deadline = time.monotonic() + 20
        while source._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        rest = list(frames)
    assert source.facts.dropped > 0
    assert 1 + len(rest) + source.facts.dropped == source.facts.frames == 30
    assert number_of(first.frame) < number_of(rest[0].frame)
    assert number_of(rest[-1].frame) == 29


@contextmanager
def piped(video: Path, folder: Path) -> Iterator[str]:
    """A pipe into which the file is written."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(video.read_bytes()), daemon=True)
    writer.start()
    yield str(pipe)
    writer.join(5)


def test_nothing_of_a_pipe_is_dropped(video: Path, tmp_path: Path) -> None:
    with piped(video, tmp_path) as pipe, LiveSource(pipe) as source:
        found = []
        for each in source.frames(GREY):
            found.append(number_of(each.frame))
            time.sleep(0.002)
    assert found == list(range(30))
    assert (source.facts.dropped, source.facts.reconnected) == (0, 0)


def test_a_rate_is_kept(video: Path, tmp_path: Path) -> None:
    with piped(video, tmp_path) as pipe, LiveSource(pipe) as source:
        wanted = FrameFormat(rate=10, size=(48, 64), grey=True)
        found = list(source.frames(wanted))
    assert [number_of(each.frame) for each in found] == list(range(0, 30, 3))
    np.testing.assert_allclose([each.time for each in found], np.arange(10) / 10)


def test_what_gives_no_frames_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    with (
        LiveSource(address, retries=1) as source,
        pytest.raises(DataError, match=f"{address} gives no frames: .*refused"),
    ):
        list(source.frames(GREY))
    assert source.facts.reconnected == 0
    with pytest.raises(SettingsError, match="retries"):
        LiveSource(address, retries=-1)


def test_a_source_is_closed_while_it_runs(video: Path) -> None:
    with camera(video, seconds=1) as (address, _):
        with LiveSource(address) as source:
            next(source.frames(GREY))
        assert not source._thread.is_alive()
    assert source.facts.frames <= 30
