"""Small videos for tests, encoded by PyAV."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def ramp(count: int = 30, height: int = 48, width: int = 64) -> np.ndarray:
    """Grey frames whose brightness tells their number, (count, height, width, 3) uint8: 16 + 7 i,
    with a bright top-left quarter."""
    levels = (16 + 7 * np.arange(count)).clip(0, 230).astype(np.uint8)
    frames = np.repeat(levels, height * width * 3).reshape(count, height, width, 3)
    frames[:, : height // 2, : width // 2] = 255
    return frames


def number_of(frame: np.ndarray) -> int:
    """The number of a frame of `ramp`, from its bottom-right quarter."""
    height, width = frame.shape[:2]
    return round((float(frame[height * 3 // 4 :, width * 3 // 4 :].mean()) - 16) / 7)


def write_video(
    path: Path,
    frames: np.ndarray | None = None,
    *,
    codec: str = "mpeg4",
    layout: str = "yuv420p",
    rate: int = 30,
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    sound: bool = False,
) -> Path:
    """Encode frames, `ramp` by default, (T, H, W, 3 or 4); at `times` in seconds if given."""
    frames = ramp() if frames is None else frames
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = layout
        stream.bit_rate = 4_000_000
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for i, frame in enumerate(frames):
            kind = "rgb24" if frame.shape[2] == 3 else "rgba"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=kind)
            if times is not None:
                picture.pts, picture.time_base = round(times[i] * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if audio is not None:
            _add_tone(container, audio, len(frames) / rate)
    return path


def write_tone(path: Path) -> Path:
    """A container of sound alone."""
    with av.open(str(path), "w") as container:
        _add_tone(container, container.add_stream("aac", rate=8000, layout="mono"), 0.5)
    return path


def turned(path: Path, matrix: Sequence[int]) -> Path:
    """The MP4 with another display matrix: a, b, c and d of x' = a x + c y, y' = b x + d y."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value * 65536 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def _add_tone(container: av.container.OutputContainer, stream: object, seconds: float) -> None:
    samples = np.sin(np.arange(int(seconds * 8000)) * 0.3).astype(np.float32)[None]
    sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    sound.rate, sound.pts = 8000, 0
    container.mux(stream.encode(sound))  # type: ignore[attr-defined]
    container.mux(stream.encode(None))  # type: ignore[attr-defined]
