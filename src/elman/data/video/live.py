"""Frames of a camera, a stream or a pipe as they arrive."""

import re
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from elman.data.arguments import check_number
from elman.data.checks import whole
from elman.data.video.decode import Timed, array_of, library, reformatter, steady, with_times
from elman.data.video.frame_format import FrameFormat
from elman.errors import DataError

_STREAM = re.compile(r"(rtsps?|rtmps?|https?|udp|tcp|srt|rtp|mms)://", re.IGNORECASE)
_WAITING = 8  # decoded frames that wait to be read
_DEFAULT_STEP = 1 / 25
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # seconds before another attempt
_CLOSING = 2.0  # seconds that the thread has to end
_DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


def is_live(source: str) -> bool:
    """Whether a source is a camera (`0`, `/dev/video0`), a stream (`rtsp://...`) or a pipe.

    >>> is_live("0"), is_live("rtsp://door/1"), is_live("clip.mp4")
    (True, True, False)
    """
    if _STREAM.match(source):
        return True
    try:
        mode = Path(source).stat().st_mode
    except (OSError, ValueError):
        return source.isdecimal()
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


@dataclass
class LiveFacts:
    """A live source so far: `frames` that came, `dropped` ones that were not read in time,
    `reconnected`, how often frames came again after a connection was lost, and `fault`, the last
    loss, "" if there was none."""

    frames: int = 0
    dropped: int = 0
    reconnected: int = 0
    fault: str = ""


class LiveSource:
    """A camera, a stream or a pipe, read by a thread of its own.

    While they are not asked for no more than 8 frames wait; older ones are dropped, and counted.
    Where the connection breaks, or no frame comes for `patience` seconds, it is made again,
    `retries` times in a row at most, after pauses that double from a quarter of a second; the time
    between does not count. A pipe, and what is fetched by HTTP, ends where it ends. The writer of a
    pipe waits, and nothing of it is dropped.

    **Arguments:** `source`: the number of a camera, a device, an address or a pipe; `told`: called
    with what happens to the connection, from the thread.

    ```python
    with LiveSource("rtsp://door/1") as camera:
        for each in camera.frames(FrameFormat(rate=5, size=(64, 64))):
            print(each.time, each.frame.mean())
    ```
    """

    def __init__(
        self,
        source: str,
        *,
        retries: int = 5,
        patience: float = 15.0,
        told: Callable[[str], None] | None = None,
    ) -> None:
        self.source, self.retries = source, whole(retries, "retries", 0)
        check_number("patience", patience, 1e-3, 1e6)
        self.patience, self._told = patience, told or (lambda _: None)
        self.facts = LiveFacts()
        self._is_pipe = not source.isdecimal() and Path(source).is_fifo()
        self._waiting: deque[Timed] = deque()
        self._change = threading.Condition()
        self._is_closed = self._has_ended = False
        self._time = 0.0  # at which the next connection begins
        self._is_lost = False  # until the next frame
        self._thread = threading.Thread(target=self._run, name="live source", daemon=True)
        self._library = library(source)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._is_closed = True
            self._change.notify_all()
        self._thread.join(timeout=_CLOSING)

    def frames(self, wanted: FrameFormat) -> Iterator[Timed]:
        """The frames in a format with their times, until the source ends: at the format's rate, or
        every one that is not dropped.

        Raises `DataError` where none came at all.
        """
        tool = reformatter()
        if wanted.rate is None:
            for each in self._timed():
                yield each._replace(frame=array_of(each.frame, wanted, tool))
        else:
            for i, picture in enumerate(steady(self._timed(), wanted.rate, 0.0, None)):
                frame = array_of(picture, wanted, tool)
                yield Timed(i / wanted.rate, 1 / wanted.rate, frame)
        if not self.facts.frames:
            raise DataError(f"{self.source} gives no frames: {self.facts.fault}")

    def _timed(self) -> Iterator[Timed]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._has_ended)
                if not self._waiting:
                    return
                found = self._waiting.popleft()
                self._change.notify_all()
            yield found

    def _run(self) -> None:
        """Connect and read until the source ends or is closed."""
        failed = 0
        while not self._is_closed:
            came = self.facts.frames
            try:
                self._read()
                break
            except _BrokenError as error:
                self.facts.fault = str(error)
            failed = 0 if self.facts.frames > came else failed
            if failed >= self.retries:
                self._told(f"{self.source}: {self.facts.fault}; given up")
                break
            pause = min(_FIRST_PAUSE * 2**failed, _LONGEST_PAUSE)
            failed += 1
            self._is_lost = self.facts.frames > 0
            words = f"{self.source}: {self.facts.fault}; attempt {failed} of {self.retries}"
            self._told(f"{words} to connect again in {pause:g} s")
            with self._change:
                self._change.wait_for(lambda: self._is_closed, pause)
        with self._change:
            self._has_ended = True
            self._change.notify_all()

    def _read(self) -> None:
        """Read one connection until it is closed or ends; `_BrokenError` where it should not."""
        av = self._library
        try:
            with self._opened() as container:
                if not container.streams.video:
                    raise _BrokenError("it has no moving pictures")
                stream = container.streams.video[0]
                step = 1 / float(stream.average_rate) if stream.average_rate else _DEFAULT_STEP
                last: float | None = None
                whole_frames = (each for each in container.decode(stream) if not each.is_corrupt)
                for each in with_times(whole_frames, stream, step):
                    gap = 0.0 if last is None else each.time - last
                    if gap > self.patience:  # its clock has leapt
                        gap = step
                    moment, last = self._time + gap, each.time
                    self._put(each._replace(time=moment))
                    self._time = moment
                    if self._is_closed:
                        return
                self._time += step
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _BrokenError(getattr(error, "strerror", None) or str(error)) from None
        if not self._is_pipe and not self.source.lower().startswith("http"):
            raise _BrokenError("the stream ended")

    def _opened(self) -> Any:
        source, form = self.source, None
        if source.isdecimal() or source.startswith("/dev/video"):
            form = _DEVICES.get(sys.platform)
            if source.isdecimal() and form == "v4l2":
                source = f"/dev/video{source}"
        options = {"rtsp_transport": "tcp"} if source.lower().startswith("rtsp") else {}
        return self._library.open(source, format=form, options=options, timeout=self.patience)

    def _put(self, frame: Timed) -> None:
        with self._change:
            self.facts.frames += 1
            self.facts.reconnected += self._is_lost
            self._is_lost = False
            if self._is_pipe:
                self._change.wait_for(lambda: len(self._waiting) < _WAITING or self._is_closed)
            elif len(self._waiting) >= _WAITING:
                self._waiting.popleft()
                self.facts.dropped += 1
            self._waiting.append(frame)
            self._change.notify_all()


class _BrokenError(Exception):
    """Why a connection ended."""
