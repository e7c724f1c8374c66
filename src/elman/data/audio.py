"""Sound from files: one channel of float32 samples at the file's rate, resampled where asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from elman.data.text import existing_file
from elman.errors import DataError, SettingsError

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".sph", ".w64")

_LOWEST_RATE = 1000  # samples a second; a wrong header would blow the sound up beyond memory
_UNKNOWN = 1 << 60  # frames


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording of one channel.

    **Fields:**

    - `samples`: (N,) float32; full scale is -1 to 1.
    - `rate`: samples a second.

    >>> Audio(np.zeros(8000, np.float32), 16000).seconds
    0.5
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    def resampled(self, rate: int) -> "Audio":
        """The same at another rate."""
        return Audio(resampled(self.samples, self.rate, rate), rate)


def read_audio(
    source: Path | str | BinaryIO, *, start: float = 0.0, end: float | None = None
) -> Audio:
    """Read a sound file: WAV, FLAC, Ogg, MP3, ..., of any width, rate and number of channels.

    Channels are mixed down to one (their mean). The rate stays the file's.

    **Arguments:**

    - `source`: a path, or a file open for reading bytes.
    - `start`, `end`: the part to read, in seconds; all by default.

    Raises `DataError` if it is no audio, holds no samples, or NaN or infinite ones.

    >>> import io
    >>> import soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((800, 2)), 8000, format="wav", subtype="PCM_U8")
    >>> _ = file.seek(0)
    >>> audio = read_audio(file)
    >>> audio.samples.shape, audio.rate, audio.seconds
    ((800,), 8000, 0.1)
    """
    with _opened(source) as (file, name):
        rate = int(file.samplerate)
        try:
            first, last = _part(start, end, file.frames, rate, name)
            file.seek(first)
            samples = file.read(last - first, dtype="float32", always_2d=True)
        except RuntimeError as error:
            raise DataError(f"{name} is damaged: {error}") from None
    if not len(samples):
        raise DataError(f"{name} holds no samples")
    return Audio(checked(samples.mean(axis=1), name), rate)


def audio_seconds(source: Path | str) -> float:
    """How long a file lasts, by its header alone; `DataError` if it is no audio."""
    with _opened(source) as (file, _):
        return float(file.frames / file.samplerate)


def checked(samples: Any, name: str) -> NDArray[np.float32]:
    """Samples (N,) as float32; `DataError` if they are of another shape, NaN or infinite."""
    samples = np.asarray(samples)
    if samples.ndim != 1 or not len(samples):
        raise DataError(f"{name}: samples of shape {samples.shape} where (N,) is needed")
    if samples.dtype.kind != "f":
        raise DataError(
            f"{name}: samples of type {samples.dtype} where floats from -1 to 1 are needed;"
            " divide 16-bit integers by 32768"
        )
    wrong = np.flatnonzero(~np.isfinite(samples))
    if len(wrong):
        raise DataError(
            f"{name}: {len(wrong)} of {len(samples)} samples are NaN or infinite, the first at"
            f" {wrong[0]}"
        )
    return np.ascontiguousarray(samples, np.float32)


def resampled(samples: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """The same sound at another rate, by soxr's band-limited interpolation.

    **Arguments:** `samples` (N,) float32, and samples a second before and after.

    **Returns:** (about N * to_rate / from_rate,) float32; empty if that is less than one sample.

    >>> resampled(np.zeros(441, np.float32), 44100, 16000).shape
    (160,)
    """
    stream = Resampler(from_rate, to_rate)
    return np.concatenate([stream.accept(samples), stream.finish()])


class Resampler:
    """The same chunk after chunk: put together, it gives what `resampled` gives of the whole.

    A few hundredths of a second stay inside until `finish`.

    >>> stream, sound = Resampler(8000, 16000), np.ones(300, np.float32)
    >>> parts = [stream.accept(sound[:100]), stream.accept(sound[100:]), stream.finish()]
    >>> bool((np.concatenate(parts) == resampled(sound, 8000, 16000)).all())
    True
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        for name, rate in (("from_rate", from_rate), ("to_rate", to_rate)):
            if rate < 1:
                raise SettingsError(f"{name}={rate}: a number of samples a second is needed")
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = needs("soxr").ResampleStream(from_rate, to_rate, 1, dtype="float32")

    def accept(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is ready after more samples, (N,) float32 each."""
        if self._stream is None:
            return samples
        done: NDArray[np.float32] = self._stream.resample_chunk(samples)
        return done

    def finish(self) -> NDArray[np.float32]:
        """The rest, after the last samples."""
        rest = np.zeros(0, np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
        return rest


def needs(module: str) -> ModuleType:
    """One of the modules of the extra `audio`; `SettingsError` says how to install it."""
    import importlib

    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: soundfile without its C library
        raise SettingsError(f"audio needs {module} ({error}): pip install 'elman[audio]'") from None


@contextmanager
def _opened(source: Path | str | BinaryIO) -> Iterator[tuple[Any, str]]:
    """The open sound file, and its name for messages."""
    soundfile = needs("soundfile")
    if isinstance(source, (str, Path)):
        source = existing_file(source)
        name = str(source)
        if not source.stat().st_size:
            raise DataError(f"{name} is empty")
    else:
        name = str(getattr(source, "name", "the audio"))
    try:
        file = soundfile.SoundFile(source)
    except RuntimeError as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise DataError(f"{name} is not audio that can be read: {reason}") from None
    with file:
        if file.samplerate < _LOWEST_RATE:
            raise DataError(f"{name} states a rate of {file.samplerate}, which no sound has")
        if file.frames >= _UNKNOWN:
            raise DataError(
                f"{name} does not state how long it is, as FLAC written into a pipe; convert it to"
                " a file that does"
            )
        yield file, name


def _part(start: float, end: float | None, frames: int, rate: int, name: str) -> tuple[int, int]:
    """The first frame and the one after the last of a part given in seconds."""
    last = frames if end is None else round(end * rate)
    first = round(start * rate)
    if not 0 <= first < max(last, 1) or last > frames + rate // 100:
        until = "its end" if end is None else f"{end} s"
        raise DataError(
            f"{name}: there is no part from {start} s to {until}; it lasts {frames / rate:.2f} s"
        )
    return first, min(last, frames)
