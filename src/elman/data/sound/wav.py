"""The layout of WAV files, and headers that contradict the file: streamed, cut short, unpadded."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from elman.errors import DataError

_FORMS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}
_PLACEHOLDER = 0x7FF00000  # writers into a pipe state this size or a larger one
_MOST_IN_MEMORY = 1 << 31
_MOST_CHUNKS = 10_000
_HEAD = 8  # bytes of a chunk's id and size


@dataclass(frozen=True)
class WavLayout:
    """Where a WAV file's samples are.

    **Fields:**

    - `form`: the first four bytes, `RIFF`, `RIFX` (big-endian), `RF64` or `BW64`.
    - `format_chunk`: the content of the chunk `fmt `.
    - `begin`: the offset of the first sample.
    - `stated`, `available`: bytes of samples by the header, and from `begin` to the file's end.
    - `is_regular`: whether all chunks before the samples are padded to even sizes, as they must be.
    """

    form: bytes
    format_chunk: bytes
    begin: int
    stated: int
    available: int
    is_regular: bool

    @property
    def is_cut_short(self) -> bool:
        """Whether the header states more samples than there are, and not as a placeholder."""
        return self.available < self.stated < _PLACEHOLDER or (
            self.form not in (b"RIFF", b"RIFX") and self.available < self.stated < 1 << 60
        )

    @property
    def bytes_a_second(self) -> int:
        """By the chunk `fmt `; 0 if it does not say."""
        order = _FORMS[self.form]
        return int(struct.unpack_from(f"{order}I", self.format_chunk, 8)[0])


def wav_layout(file: BinaryIO) -> WavLayout | None:
    """The layout of an open file, whose position stays; None if it is no WAV file with samples."""
    begin = file.tell()
    end = file.seek(0, 2)
    try:
        file.seek(begin)
        head = file.read(12)
        if head[:4] not in _FORMS or head[8:] != b"WAVE":
            return None
        return _walk(file, head[:4], end)
    finally:
        file.seek(begin)


def _walk(file: BinaryIO, form: bytes, end: int) -> WavLayout | None:
    order = _FORMS[form]
    format_chunk, stated_64, is_regular = b"", None, True
    for _ in range(_MOST_CHUNKS):
        head = file.read(_HEAD)
        if len(head) < _HEAD:
            return None
        name, size = head[:4], int(struct.unpack(f"{order}I", head[4:])[0])
        begin = file.tell()
        if name == b"data":
            if len(format_chunk) < 16:
                return None
            if stated_64 is not None and size >= _PLACEHOLDER:
                size = stated_64
            available = end - begin
            if not size and not _is_chunk(file, order, available):
                size = 1 << 62  # a placeholder: samples follow
            return WavLayout(form, format_chunk, begin, size, available, is_regular)
        content = file.read(size) if name in (b"fmt ", b"ds64") and size < 1 << 16 else b""
        if name == b"fmt ":
            format_chunk = content
        elif name == b"ds64" and len(content) >= 16:
            stated_64 = int(struct.unpack_from(f"{order}Q", content, 8)[0])
        file.seek(begin + size)
        if size % 2 and file.read(1) != b"\0":
            file.seek(begin + size)
            is_regular = False
    return None


def _is_chunk(file: BinaryIO, order: str, available: int) -> bool:
    """Whether nothing or another chunk follows, and no samples; the position stays."""
    begin = file.tell()
    head = file.read(_HEAD)
    file.seek(begin)
    if len(head) < _HEAD:
        return available == 0
    size = struct.unpack(f"{order}I", head[4:])[0]
    return bool(head[:4].isascii() and head[:4].decode().isprintable() and size <= available)


def needs_repair(layout: WavLayout) -> bool:
    """Whether readers would miss samples for the header's sake."""
    if not layout.available:
        return False
    placeholder = layout.stated >= 1 << 60
    return placeholder or not layout.is_regular or layout.form == b"BW64"


def repaired(file: BinaryIO, layout: WavLayout, name: str) -> bytes:
    """The file's format and samples under a header that states what is there."""
    size = min(layout.stated, layout.available)
    if size > _MOST_IN_MEMORY:
        raise DataError(
            f"{name}: the header states no size, though {layout.available:,} bytes follow; write"
            " it again with a right header, as ffmpeg does"
        )
    file.seek(layout.begin)
    samples = file.read(size)
    form = layout.form if layout.form == b"RIFX" else b"RIFF"
    order = _FORMS[form]
    chunk = layout.format_chunk + b"\0" * (len(layout.format_chunk) % 2)
    content = b"".join(
        [
            b"WAVEfmt ",
            struct.pack(f"{order}I", len(layout.format_chunk)),
            chunk,
            b"data",
            struct.pack(f"{order}I", len(samples)),
            samples,
        ]
    )
    return form + struct.pack(f"{order}I", len(content)) + content
