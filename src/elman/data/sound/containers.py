"""Sound from MP4, WebM and other containers, which libsndfile does not read, through PyAV."""

import importlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

SUFFIXES = (".m4a", ".webm", ".aac", ".mka", ".wma", ".amr")
_OTHERS = (".mp4", ".mkv", ".mov", ".3gp", ".avi")


class DecodedSound:
    """All sound of a container, decoded; read like a `soundfile.SoundFile`.

    **Attributes:** `samplerate`; `channels`; `frames`, samples of each channel.
    """

    def __init__(self, samples: NDArray[np.float32], samplerate: int) -> None:
        self.samplerate = samplerate
        self.frames, self.channels = samples.shape
        self._samples = samples
        self._at = 0

    def seek(self, frame: int) -> None:
        """Read on from there."""
        self._at = frame

    def read(self, frames: int, **_: Any) -> NDArray[np.float32]:
        """The next samples, (frames, channels)."""
        self._at += frames
        return self._samples[self._at - frames : self._at]


def is_container(source: Path | BinaryIO) -> bool:
    """Whether a file is one of these containers, by its name or its first bytes."""
    if isinstance(source, Path):
        if source.suffix.lower() in (*SUFFIXES, *_OTHERS):
            return True
        with source.open("rb") as file:
            head = file.read(16)
    else:
        begin = source.tell()
        head = source.read(16)
        source.seek(begin)
    return (
        head[4:8] == b"ftyp"
        or head[:4] == b"\x1a\x45\xdf\xa3"  # EBML: Matroska and WebM
        or head[:5] == b"#!AMR"
        or head[:4] == b"\x30\x26\xb2\x75"  # ASF: WMA
    )


def decode(source: Path | BinaryIO, name: str) -> DecodedSound:
    """Decode the first track of sound; `DataError` if there is none, or without PyAV."""
    try:
        av = importlib.import_module("av")
    except ImportError:
        raise DataError(
            f"{name} is MP4, WebM or the like, which PyAV reads: pip install av; or convert it, as"
            " by ffmpeg -i FILE FILE.wav"
        ) from None
    parts: list[NDArray[np.float32]] = []
    rate = 0
    try:
        with av.open(str(source) if isinstance(source, Path) else source) as container:
            tracks = container.streams.audio
            if not tracks:
                raise DataError(f"{name} holds no sound")
            rate = int(tracks[0].rate or 0)
            planar = av.AudioResampler(format="fltp")
            for frame in container.decode(tracks[0]):
                parts += [part.to_ndarray().T for part in planar.resample(frame)]
            parts += [part.to_ndarray().T for part in planar.resample(None)]
    except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{name} is not audio that can be read: {error}") from None
    if not parts or not rate:
        raise DataError(f"{name} holds no samples")
    if len({part.shape[1] for part in parts}) > 1:
        raise DataError(f"{name}: the number of channels changes within the file")
    return DecodedSound(np.concatenate(parts).astype(np.float32, copy=False), rate)
