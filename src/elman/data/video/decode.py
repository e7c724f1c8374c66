"""Frames out of video files, one after another, through PyAV."""

import importlib
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from elman.data.text.files import existing_file
from elman.data.video.frame_format import Frame, FrameFormat, formatted, over_black
from elman.errors import DataError

SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".gif", ".apng", ".mpg", ".mpeg"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".mts", ".m2ts", ".y4m"),
)
_ROUNDING = 1e-3  # seconds, the coarsest step to which a container rounds times
_DEFAULT_STEP = 1 / 25
_MISSING = 0.05  # of the stated length, from which on a file counts as cut off
T = TypeVar("T")


class Timed(NamedTuple):
    """A frame, when it is shown and for how long, in seconds from the first frame on."""

    time: float
    duration: float
    frame: Any


class VideoFacts(NamedTuple):
    """What a file says of its picture, without a frame decoded.

    **Fields:** `height`, `width`; `rate`, mean frames a second, and `duration`, seconds, None where
    the file does not say.
    """

    height: int
    width: int
    rate: float | None
    duration: float | None


def decode_file(
    path: Path, wanted: FrameFormat, start: float = 0.0, end: float | None = None
) -> Iterator[Frame]:
    """The frames of a file from `start` to `end`, (H, W, 1 or 3) each; see `decoded`."""
    library(str(path))
    return _formatted(steady(timed_frames(path, start, end), wanted.rate, start, end), wanted)


def decode_timed(
    path: Path, wanted: FrameFormat, start: float = 0.0, end: float | None = None
) -> Iterator[Timed]:
    """Every frame of a part with its time, in the wanted size and colours, and the first one after
    the part."""
    library(str(path))
    tool = reformatter()
    for each in timed_frames(path, start, end):
        yield each._replace(frame=array_of(each.frame, wanted, tool))


def facts_of(path: Path) -> VideoFacts:
    """What the file says of its picture; `DataError` where it has none."""
    with _opened(path) as (_, container, stream):
        rate = float(stream.average_rate) if stream.average_rate else None
        return VideoFacts(stream.height, stream.width, rate, _stated_duration(container, stream))


def has_picture(path: Path) -> bool:
    """Whether a file has moving pictures, as far as its head tells."""
    try:
        facts_of(path)
    except DataError:
        return False
    return True


def timed_frames(path: Path, start: float = 0.0, end: float | None = None) -> Iterator[Timed]:
    """PyAV's frames with their times, from the one that is shown at `start` to the first one that
    is not before `end`.

    A fault within the file ends them, with a warning that says how many frames were read.

    Raises `DataError` where nothing can be decoded, or `start` is after the end.
    """
    with _opened(path) as (av, container, stream):
        step = 1 / float(stream.average_rate) if stream.average_rate else _DEFAULT_STEP
        if start > 0 and not _sought(av, container, stream, start):
            yield from _from_the_beginning(path, start, end)
            return
        count, last = 0, None
        fault = ""
        frames = _decoded_frames(av, container, stream)
        before: Timed | None = None
        try:
            for each in with_times(frames, stream, step, is_sought=start > 0):
                if last is None and each.time > start > 0:
                    # The index led too far: read from the beginning instead.
                    yield from _from_the_beginning(path, start, end)
                    return
                last = each
                if each.time + _ROUNDING < start:
                    before = each
                    continue
                count += 1
                if before is not None and each.time > start + _ROUNDING:
                    yield before
                before = None
                yield each
                if end is not None and each.time >= end:
                    return
        except _FaultError as error:
            fault = str(error)
        if last is None:
            raise DataError(f"{path} has no frames{f': {fault}' if fault else ''}")
        stop = last.time + last.duration
        if before is not None:
            if start >= stop:
                why = f" ({fault})" if fault else ""
                raise DataError(
                    f"{path} ends at {stop:.3g} s{why}, before the start at {start:g} s"
                )
            yield before
        stated = _stated_duration(container, stream)
        if fault or (stated is not None and stop + 2 * step < stated * (1 - _MISSING)):
            of = f" of {stated:.3g} s" if stated is not None else ""
            seconds = f"up to {stop:.3g} s{of}"
            why = f"it is damaged there ({fault})" if fault else "it is cut off there"
            warnings.warn(f"{path}: {count:,} frames read, {seconds}: {why}", stacklevel=2)


def steady(
    frames: Iterable[Timed], rate: float | None, start: float, end: float | None
) -> Iterator[Any]:
    """The frames that are shown at `start`, `start + 1 / rate`, ... before `end`.

    Each is the nearest one whose time is not after that moment; one may come several times, or not
    at all. Without a rate, every frame comes once. The first always comes.

    >>> shown = [Timed(0.0, 0.1, "a"), Timed(0.1, 0.5, "b"), Timed(0.6, 0.1, "c")]
    >>> list(steady(shown, 5, 0, None))
    ['a', 'b', 'b', 'c']
    """
    if rate is None:
        for number, each in enumerate(frames):
            if number == 0 or end is None or each.time + _ROUNDING < end:
                yield each.frame
        return
    number = 0
    held: Timed | None = None
    slack = min(_ROUNDING, 0.5 / rate)
    for each in frames:
        while held is not None:
            moment = start + number / rate
            if moment + slack >= each.time or (end is not None and moment + slack >= end):
                break
            yield held.frame
            number += 1
        held = each
    if held is None:
        return
    stop = held.time + held.duration
    stop = stop if end is None else min(stop, end)
    while number == 0 or start + number / rate + slack < stop:
        yield held.frame
        number += 1


class _FaultError(Exception):
    """Why a file cannot be decoded further."""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    """PyAV, the container and its stream of moving pictures."""
    path = existing_file(path)
    if not path.stat().st_size:
        raise DataError(f"{path} is empty")
    av = library(str(path))
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is not a video that can be read: {reason}") from None
    with container:
        streams = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not streams:
            what = "no moving pictures; it may be cut off"
            if container.streams.audio:
                what = "sound alone, no moving pictures"
            raise DataError(f"{path} holds {what}")
        size = [getattr(streams[0], side, 0) for side in ("width", "height")]
        if not all(size):  # without a decoder there is none
            raise DataError(f"{path} has no frames that can be decoded")
        yield av, container, streams[0]


def library(name: str) -> Any:
    """PyAV, or a `DataError` that says what needs it."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise DataError(f"{name}: video needs PyAV: pip install 'elman[video]'") from None


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the picture of an album rather than video."""
    return bool(int(getattr(stream, "disposition", 0)) & 0x400)


def _stated_duration(container: Any, stream: Any) -> float | None:
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)  # its duration is of what is there
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.audio:
        return float(container.duration) / 1e6
    return None


def _sought(av: Any, container: Any, stream: Any, start: float) -> bool:
    """Go to the last key frame before `start`; False where there is no index to find it by."""
    if not stream.time_base:
        return False
    offset = int(start / stream.time_base) + (stream.start_time or 0)
    try:
        container.seek(offset, stream=stream, backward=True)
    except (av.FFmpegError, OSError, OverflowError):
        return False
    return True


def _from_the_beginning(path: Path, start: float, end: float | None) -> Iterator[Timed]:
    before: Timed | None = None
    for each in timed_frames(path, 0.0, end):
        if each.time > start + _ROUNDING:
            if before is not None:
                yield before
            yield each
            before = None
        else:
            before = each
    if before is not None:
        if start >= before.time + before.duration:
            raise DataError(f"{path} ends before the start at {start:g} s")
        yield before


def _decoded_frames(av: Any, container: Any, stream: Any) -> Iterator[Any]:
    """PyAV's frames up to the first that is damaged; damaged ones before all others are left out,
    as a seek into the middle may give them."""
    is_clean = False
    try:
        for frame in container.decode(stream):
            if not frame.is_corrupt:
                is_clean = True
                yield frame
            elif is_clean:
                raise _FaultError("a frame of it is broken")
    except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        raise _FaultError(getattr(error, "strerror", None) or str(error)) from None


def with_times(
    frames: Iterator[Any], stream: Any, step: float, *, is_sought: bool = False
) -> Iterator[Timed]:
    """Frames with times that rise: where the file has none, or they fall, they follow by `step`.

    After a seek the time of a first frame without one is unknown: infinite.
    """
    tick = float(stream.time_base) if stream.time_base else 0.0
    origin = stream.start_time or 0
    time = math.inf if is_sought else -step
    for frame in frames:
        stamp = frame.pts if frame.pts is not None else frame.dts
        found = (stamp - origin) * tick if stamp is not None and tick else time + step
        time = found if found > time or time == math.inf else time + step
        duration = (frame.duration or 0) * tick or step
        yield Timed(time, duration, frame)


def _formatted(frames: Iterator[Any], wanted: FrameFormat) -> Iterator[Frame]:
    """PyAV's frames as arrays; one that is held is brought to its form once."""
    held, array = None, None
    tool = reformatter()
    for frame in frames:
        if frame is not held or array is None:
            if wanted.size is None and array is not None:
                wanted = FrameFormat(wanted.rate, array.shape[:2], wanted.grey, wanted.fit)
            held, array = frame, array_of(frame, wanted, tool)
        yield array


def reformatter() -> Any:
    """What scales frames and changes their colours; one for all frames keeps its tables."""
    return importlib.import_module("av.video.reformatter").VideoReformatter()


def array_of(frame: Any, wanted: FrameFormat, tool: Any) -> Frame:
    """One of PyAV's frames in a format, brought to it by a `reformatter`."""
    turn = _turn(frame)
    height, width = frame.height, frame.width
    geometry = wanted.geometry(*((width, height) if turn.is_transposed else (height, width)))
    scaled = geometry.scaled[::-1] if turn.is_transposed else geometry.scaled
    has_alpha = any(component.is_alpha for component in frame.format.components)
    layout = "rgba" if has_alpha else "gray" if wanted.grey else "rgb24"
    area = "AREA" if scaled[0] <= height and scaled[1] <= width else "BILINEAR"
    scaled_frame = tool.reformat(frame, scaled[1], scaled[0], layout, interpolation=area)
    picture = scaled_frame.to_ndarray()
    if picture.ndim == 2:
        picture = picture[..., None]
    if has_alpha:
        picture = over_black(picture)
        picture = formatted(picture, FrameFormat(grey=True)) if wanted.grey else picture
    return np.ascontiguousarray(geometry.window(turn.applied(picture)))


class _Turn(NamedTuple):
    """How a picture is shown: with its axes exchanged, then mirrored."""

    is_transposed: bool = False
    is_mirrored: bool = False
    is_upside_down: bool = False

    def applied(self, picture: Frame) -> Frame:
        """The picture as it is shown."""
        if self.is_transposed:
            picture = picture.transpose(1, 0, 2)
        if self.is_mirrored:
            picture = picture[:, ::-1]
        return picture[::-1] if self.is_upside_down else picture


def _turn(frame: Any) -> _Turn:
    """The turn that the display matrix asks for: x' = a x + c y, y' = b x + d y."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return _Turn(False, a < 0, d < 0)
            return _Turn(True, c < 0, b < 0)
    return _Turn()
