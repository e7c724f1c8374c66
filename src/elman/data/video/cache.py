"""Decoded frames kept on disk: read as memory maps, bounded, shared by processes."""

import hashlib
import os
import struct
import warnings
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np

from elman.data.arguments import check_number
from elman.data.datasets.download import cache_folder
from elman.data.values import shown
from elman.data.video.clip import Clip
from elman.data.video.clips import Clips
from elman.data.video.frame_format import Fit, Frame, FrameFormat, is_rate
from elman.data.video.pictures import pictures_in
from elman.errors import DataError, SettingsError
from elman.files import write_atomic
from elman.progress import counted, stage

_HEADER = 128  # bytes before the frames, as numpy's format 1.0 pads them
_TRAILER = struct.Struct("<4sI")  # a mark and the CRC-32 of the frames
_MARK = b"crc1"
_DEFAULT_LIMIT = 10 << 30
_LARGEST_CHECKED = 1 << 24  # bytes checked at a time


class FrameCache:
    """A folder of decoded clips, one `.npy` of uint8 (T, H, W, C) each.

    A clip is decoded once for each format. What was not used for the longest time is removed when
    the folder grows beyond its limit; a file that is damaged is made again. Several processes may
    use one folder.

    **Arguments:**

    - `folder`: `frames` in the user's cache folder of elman by default.
    - `limit`: bytes that the folder may hold, 10 GiB by default.

    >>> import tempfile
    >>> cache = FrameCache(tempfile.mkdtemp())
    >>> clip = Clip(np.zeros((9, 48, 64, 3), np.uint8))
    >>> cache.frames(clip, size=32, grey=True).shape
    (9, 32, 32, 1)
    """

    def __init__(self, folder: Path | str | None = None, *, limit: int = _DEFAULT_LIMIT) -> None:
        check_number("limit", limit, 1, 1 << 60)
        self.folder = cache_folder().parent / "frames" if folder is None else Path(folder)
        self.limit = int(limit)
        self._checked: set[tuple[str, int, int]] = set()

    def frames(
        self,
        clip: Clip,
        *,
        rate: float | None = None,
        size: int | tuple[int, int] | None = None,
        grey: bool = False,
        fit: Fit = "resize",
    ) -> Frame:
        """All frames of a clip as `Clip.frames` gives them, from the disk if possible.

        They are mapped, not read: what is changed in them does not reach the disk.

        Raises `DataError` where the clip cannot be decoded or is larger than the limit, `FileError`
        where there is no room.
        """
        if not isinstance(clip, Clip):
            raise SettingsError(f"clip={shown(clip)}: a Clip is needed")
        return self.in_format(clip, FrameFormat.of(rate, size, grey, fit))

    def in_format(self, clip: Clip, wanted: FrameFormat) -> Frame:
        """The same with a `FrameFormat`."""
        if clip.array is not None and _is_as_wanted(clip, wanted):
            return clip.array
        path = self.folder / f"{_key(clip, wanted)}.npy"
        found = self._opened(path)
        if found is not None:
            with suppress(OSError):
                os.utime(path)
            return found
        write_atomic(path, lambda temporary: _write(temporary, clip, wanted, self.limit))
        found = self._opened(path)
        self._evict()
        if found is None:  # removed by another process whose limit is smaller
            return np.stack(list(clip.in_format(wanted)))
        return found

    def prepare(
        self,
        clips: Clips,
        *,
        rate: float | None = None,
        size: int | tuple[int, int] | None = None,
        grey: bool = False,
        fit: Fit = "resize",
        shown: bool = False,
    ) -> "CachedFrames":
        """Decode what is not yet decoded of many clips; `shown` shows how far that is.

        Clips that cannot be decoded are left out, with a warning; `DataError` if none is left.
        """
        if not isinstance(clips, Clips):
            raise SettingsError("prepare takes what read_clips gives")
        wanted = FrameFormat.of(rate, size, grey, fit)
        shapes: list[tuple[int, ...]] = []
        kept: list[int] = []
        bad: dict[int, str] = {}
        with stage("decoding the clips", shown=shown):
            for i, clip in enumerate(counted(clips.clips, len(clips))):
                try:
                    shapes.append(self.in_format(clip, wanted).shape)
                except DataError as error:
                    bad[i] = str(error)
                else:
                    kept.append(i)
        if not kept:
            raise DataError(f"no clip can be decoded; {next(iter(bad.values()), 'there is none')}")
        if bad:
            first = next(iter(bad.values()))
            warnings.warn(
                f"left out: {len(bad):,} of {len(clips):,} clips that cannot be decoded; {first}",
                stacklevel=2,
            )
        usable = replace(clips.select(kept), left_out=bad or clips.left_out)
        prepared = CachedFrames(self, usable, wanted, shapes)
        if prepared.nbytes > self.limit:
            warnings.warn(
                f"the frames take {prepared.nbytes:,} bytes, more than the cache's"
                f" {self.limit:,}: clips are decoded again each time they are asked for; raise its"
                " limit, or lower the rate or size",
                stacklevel=2,
            )
        return prepared

    def _opened(self, path: Path) -> Frame | None:
        """The frames of a whole file; None where it is missing or damaged."""
        try:
            state = path.stat()
            with path.open("rb") as file:
                shape = _shape(file.read(_HEADER))
            count = int(np.prod(shape))
            if state.st_size != _HEADER + count + _TRAILER.size:
                return None
            found = np.memmap(path, np.uint8, "c", _HEADER, shape)
            key = (path.name, state.st_size, state.st_ino)
            if key not in self._checked:
                with path.open("rb") as file:
                    file.seek(_HEADER + count)
                    trailer = _TRAILER.unpack(file.read(_TRAILER.size))
                if trailer != (_MARK, _crc(found)):
                    return None
                self._checked.add(key)
        except (OSError, ValueError, struct.error):
            return None
        return found

    def _evict(self) -> None:
        """Remove what was used longest ago until the folder is within its limit."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*.npy"):
            with suppress(OSError):
                state = path.stat()
                entries.append((state.st_mtime, state.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.limit:
                return
            with suppress(OSError):
                path.unlink()
                total -= size


@dataclass(frozen=True, eq=False)
class CachedFrames(Sequence[Frame]):
    """The frames of many clips, each opened when it is asked for.

    **Fields:** `cache`; `clips`, those that can be decoded; `format`; `shapes`, (T, H, W, C) of
    each.
    """

    cache: FrameCache
    clips: Clips
    format: FrameFormat
    shapes: list[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def lengths(self) -> list[int]:
        """The number of frames of each."""
        return [shape[0] for shape in self.shapes]

    @property
    def nbytes(self) -> int:
        """Bytes of all frames together."""
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.cache.in_format(self.clips.clips[index], self.format)


def _is_as_wanted(clip: Clip, wanted: FrameFormat) -> bool:
    assert clip.array is not None
    is_whole = not clip.start and clip.end is None
    same_rate = wanted.rate is None or clip.rate is None or is_rate(clip.rate, wanted.rate)
    same_size = wanted.size in (None, clip.array.shape[1:3])
    return is_whole and same_rate and same_size and clip.array.shape[3] == wanted.channels


def _key(clip: Clip, wanted: FrameFormat) -> str:
    digest = hashlib.sha256(f"1;{clip.start!r};{clip.end!r};{clip.rate!r};{wanted!r};".encode())
    if clip.array is not None:
        digest.update(f"{clip.array.shape}".encode())
        digest.update(np.ascontiguousarray(clip.array).data)
    elif clip.path is not None:
        try:
            path = clip.path.resolve()
            for file in pictures_in(path) if path.is_dir() else [path]:
                state = file.stat()
                digest.update(f"{file};{state.st_size};{state.st_mtime_ns};".encode())
        except OSError as error:
            raise DataError(f"cannot read {clip.path}: {error.strerror}") from None
    return digest.hexdigest()[:40]


def _write(path: Path, clip: Clip, wanted: FrameFormat, limit: int) -> None:
    count, crc = 0, 0
    shape: tuple[int, ...] = ()
    with path.open("wb") as file:
        file.write(bytes(_HEADER))
        for frame in clip.in_format(wanted):
            count, shape = count + 1, frame.shape
            if _HEADER + count * frame.nbytes + _TRAILER.size > limit:
                raise DataError(
                    f"{clip.described} takes more than the {limit:,} bytes of the cache: raise its"
                    " limit, or lower the rate or size"
                )
            crc = zlib.crc32(frame.data, crc)
            file.write(frame.data)
        file.write(_TRAILER.pack(_MARK, crc))
        file.seek(0)
        file.write(_header((count, *shape)))


def _header(shape: tuple[int, ...]) -> bytes:
    """The head of numpy's file format, version 1.0."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    length = _HEADER - 10
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + text.ljust(length - 1).encode() + b"\n"
    )


def _shape(header: bytes) -> tuple[int, ...]:
    text = header[10:].decode("ascii")
    begin, end = text.index("'shape': (") + len("'shape': ("), text.rindex(")")
    shape = tuple(int(part) for part in text[begin:end].split(","))
    if header != _header(shape) or len(shape) != 4:
        raise ValueError("not a file of frames")
    return shape


def _crc(frames: Frame) -> int:
    flat, crc = frames.reshape(-1), 0
    for begin in range(0, len(flat), _LARGEST_CHECKED):
        crc = zlib.crc32(flat[begin : begin + _LARGEST_CHECKED].data, crc)
    return crc
