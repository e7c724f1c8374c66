"""Frames into files: GIF, MP4, arrays of numpy, and sheets of pictures."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.arguments import check_number
from elman.data.checks import whole
from elman.data.values import as_array, is_tensor
from elman.data.video.clip import Clip
from elman.data.video.decode import library
from elman.data.video.frame_format import Frame, FrameFormat, as_frames, formatted, resized
from elman.errors import DataError, SettingsError
from elman.files import check_picture, write_atomic

_GAP = 2  # pixels between the pictures of a sheet
_MOST = 1000  # pictures on a sheet
_GIF_TICK = 100  # a second, of its times


def write_clip(frames: Any, path: Path | str, rate: float = 10.0) -> None:
    """Write frames to a file; its suffix says what as.

    **Arguments:**

    - `frames`: (T, H, W) or (T, H, W, C), an array or a tensor: uint8, or floats from 0 to 1; or a
      `Clip`, at its own rate if it has one.
    - `path`: `.gif` and `.mp4` are for looking at; `.npz` keeps every pixel (`frames`, `rate`), and
      `read_clips` gives it again. MP4 has sides of even length: a black row or column is added.
    - `rate`: frames a second; a GIF's times are multiples of 0.01 s, and frames that do not
      differ become a longer one.

    >>> import tempfile
    >>> from elman.data import read_clips
    >>> path = Path(tempfile.mkdtemp()) / "clip.npz"
    >>> write_clip(np.zeros((3, 8, 8), np.uint8), path, rate=5)
    >>> clip = read_clips(path, labelled=False).clips[0]
    >>> clip.rate, clip.frames().shape
    (5.0, (3, 8, 8, 3))
    """
    check_number("rate", rate, 1e-3, 1000)
    path = Path(path)
    writers: dict[str, Callable[[Frame, Path, float], None]] = {
        ".gif": _write_gif,
        ".mp4": _write_mp4,
        ".npz": _write_npz,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise SettingsError(f"a clip is written as {', '.join(writers)}, got {path}")
    if isinstance(frames, Clip):
        rate = frames.rate or rate
        found = frames.frames(rate=rate)
    else:
        found = as_frames(as_array(frames) if is_tensor(frames) else frames, "the clip")
    write_atomic(path, lambda temporary: writer(found, temporary, rate))


def contact_sheet(
    clip: Clip | Any, path: Path | str, *, count: int = 8, columns: int = 8, height: int = 120
) -> None:
    """Write a PNG of `count` frames, evenly spaced over the clip, line by line.

    **Arguments:**

    - `clip`: a `Clip`, which is read in bounded memory, or frames (T, H, W) or (T, H, W, C).
    - `columns`: pictures side by side.
    - `height`: of each picture, in pixels.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sheet.png"
    >>> contact_sheet(np.zeros((30, 48, 64), np.uint8), path, count=4)
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    from PIL import Image

    path = Path(path)
    if path.suffix.lower() != ".png":
        raise SettingsError(f"a contact sheet is a .png, got {path}")
    check_picture(path)
    count, columns = whole(count, "count", 1), whole(columns, "columns", 1)
    height = whole(height, "height", 1)
    if count > _MOST:
        raise SettingsError(f"count={count}: at most {_MOST:,} pictures are drawn on a sheet")
    if not isinstance(clip, Clip):
        clip = Clip(as_array(clip) if is_tensor(clip) else clip)
    pictures = [_of_height(frame, height) for frame in evenly_spaced(clip.decoded(), count)]
    sheet = _tiled(pictures, min(columns, len(pictures)))
    write_atomic(path, lambda place: Image.fromarray(sheet).save(place, format="PNG"))


def evenly_spaced(frames: Iterable[Frame], count: int) -> list[Frame]:
    """At most `count` frames, evenly spaced from the first to the last, in one pass.

    No more than four times as many are held at any time.

    >>> [int(frame) for frame in evenly_spaced(np.arange(101), 5)]
    [0, 24, 48, 72, 100]
    """
    kept: list[Frame] = []
    stride, total = 1, 0
    last: Frame | None = None
    for total, frame in enumerate(frames, 1):
        last = frame
        if (total - 1) % stride == 0:
            kept.append(frame)
        if len(kept) > 4 * count:
            kept, stride = kept[::2], 2 * stride
    if last is not None and (total - 1) % stride:
        kept.append(last)
    places = np.linspace(0, len(kept) - 1, min(count, len(kept))).astype(int)
    return [kept[i] for i in places.tolist()]


def _of_height(frame: Frame, height: int) -> Frame:
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    return frame if frame.shape[0] == height else resized(frame, (height, width))


def _tiled(pictures: Sequence[Frame], columns: int) -> Frame:
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    shape = rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3
    sheet = np.full(shape, 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + _GAP), (i % columns) * (width + _GAP)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _write_npz(frames: Frame, path: Path, rate: float) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, frames=frames, rate=np.float64(rate))


def _write_gif(frames: Frame, path: Path, rate: float) -> None:
    from PIL import Image

    grey = frames.shape[3] == 1
    pictures = [
        Image.fromarray(formatted(frame, FrameFormat(grey=grey)).squeeze()) for frame in frames
    ]
    # Each time is rounded on its own sum, so that the whole lasts as long as it should.
    ends = np.rint(np.arange(len(frames) + 1) * _GIF_TICK / rate)
    milliseconds = np.maximum(np.diff(ends), 1).astype(int) * (1000 // _GIF_TICK)
    pictures[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=milliseconds.tolist(),
        loop=0,
    )


def _write_mp4(frames: Frame, path: Path, rate: float) -> None:
    av = library("MP4")
    height, width = (side + side % 2 for side in frames.shape[1:3])
    names = [name for name in ("libx264", "mpeg4") if name in av.codecs_available]
    if not names:
        raise DataError("this PyAV has no encoder for MP4: write a .gif or .npz")
    try:
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream(names[0], rate=Fraction(rate).limit_denominator(1000))
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for frame in frames:
                picture = np.zeros((height, width, 3), np.uint8)
                picture[: frame.shape[0], : frame.shape[1]] = formatted(frame, FrameFormat())
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise DataError(f"the clip cannot be encoded as MP4: {error}") from None
