"""Sound from files: one channel of float32 samples at the file's rate, resampled where asked."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from elman.data.sound import containers
from elman.data.sound.samples import as_array, as_float, checked
from elman.data.sound.wav import needs_repair, repaired, wav_layout
from elman.data.text.files import existing_file
from elman.data.values import shown
from elman.errors import DataError, SettingsError

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".sph", ".w64"),
    *containers.SUFFIXES,
)

_RATES = (1000, 10_000_000)  # a wrong one would blow the sound up beyond memory
_UNKNOWN = 1 << 60  # frames
_OVERSHOOT = 0.1  # seconds by which a stated end may be after the file's, for rounding


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording of one channel.

    **Fields:**

    - `samples`: (N,) float32; full scale is -1 to 1. Integers of 8, 16 and 32 bits are scaled
      by the range of their type.
    - `rate`: samples a second.

    Raises `DataError` for what is no array of numbers and for a rate that no sound has.

    >>> Audio(np.zeros(8000, np.float32), 16000).seconds
    0.5
    >>> Audio(np.array([16384, -32768], np.int16), 16000).samples.tolist()
    [0.5, -1.0]
    """

    samples: NDArray[np.float32]
    rate: int

    def __post_init__(self) -> None:
        name = "Audio(samples, rate)"
        given = as_array(self.samples, name)
        samples = as_float(given, name)
        if not given.ndim:
            raise DataError(f"{name}: samples of shape () where (N,) is needed")
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "rate", _checked_rate(self.rate, name))

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    def resampled(self, rate: int) -> "Audio":
        """The same at another rate."""
        return Audio(resampled(self.samples, self.rate, rate), rate)


def read_audio(
    source: Path | str | BinaryIO,
    *,
    start: float = 0.0,
    end: float | None = None,
    channel: int | None = None,
) -> Audio:
    """Read a sound file: WAV, FLAC, Ogg, MP3, ..., of any width, rate and number of channels.

    M4A, WebM and the like are read where PyAV is installed (`pip install av`). The rate stays the
    file's. A WAV file whose header states no size, as of a stream, is read to its end; of one that
    is shorter than its header says, what there is, with a warning.

    **Arguments:**

    - `source`: a path, or a file open for reading bytes.
    - `start`, `end`: the part to read, in seconds; all by default.
    - `channel`: which channel to take, 0 the first; the mean of all by default.

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
        check_channel(channel)
        if channel is not None and channel >= file.channels:
            raise DataError(
                f"{name} has no channel {channel}: it has {file.channels}, counted from 0"
            )
        try:
            first, last = _part(start, end, file.frames, rate, name)
            file.seek(first)
            samples = file.read(last - first, dtype="float32", always_2d=True)
        except (RuntimeError, MemoryError) as error:
            raise DataError(f"{name} is damaged: {error}") from None
    if not len(samples):
        raise DataError(f"{name} holds no samples")
    one = samples.mean(axis=1) if channel is None else samples[:, channel]
    return Audio(checked(one, name), rate)


def audio_seconds(source: Path | str | BinaryIO) -> float:
    """How long a file lasts, by its header alone; `DataError` if it is no audio."""
    with _opened(source) as (file, _):
        return float(file.frames / file.samplerate)


def audio_channels(source: Path | str | BinaryIO) -> int:
    """How many channels a file has; `DataError` if it is no audio."""
    with _opened(source) as (file, _):
        return int(file.channels)


def check_channel(channel: Any) -> None:
    """Raise `SettingsError` if it is neither None nor a number of a channel."""
    if channel is not None and (
        isinstance(channel, bool)
        or not isinstance(channel, (int, np.integer))
        or not 0 <= channel < 1024
    ):
        raise SettingsError("channel must be None or a number from 0 to 1023, 0 the first channel")


def resampled(samples: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """The same sound at another rate, by soxr's band-limited interpolation.

    **Arguments:** `samples` (N,) float32, and samples a second before and after.

    **Returns:** (about N * to_rate / from_rate,) float32; empty if that is less than one sample.

    >>> resampled(np.zeros(441, np.float32), 44100, 16000).shape
    (160,)
    """
    stream = Resampler(from_rate, to_rate)
    samples = checked(samples, "samples") if np.size(samples) else np.zeros(0, np.float32)
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
        is_number = isinstance(from_rate, (int, np.integer))
        least = 1 if is_number and from_rate == to_rate else _RATES[0]
        for name, rate in (("from_rate", from_rate), ("to_rate", to_rate)):
            if not isinstance(rate, (int, np.integer)) or not least <= rate <= _RATES[1]:
                raise SettingsError(
                    f"{name}={shown(rate)}: a whole number of samples a second from {least} to"
                    f" {_RATES[1]} is needed"
                )
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = needs("soxr").ResampleStream(from_rate, to_rate, 1, dtype="float32")

    @property
    def is_resampling(self) -> bool:
        """Whether the rates differ."""
        return self._stream is not None

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
    if isinstance(source, (str, Path)):
        source = _existing(source)
        name = str(source)
    else:
        name = str(getattr(source, "name", "the audio"))
        if not all(hasattr(source, method) for method in ("read", "seek", "tell")):
            raise DataError(
                f"audio is read from a path or a file open for reading bytes, not from a"
                f" {type(source).__name__}"
            )
    try:
        with _readable(source, name) as file:
            if not _RATES[0] <= file.samplerate <= _RATES[1]:
                raise DataError(f"{name} states an impossible rate, {file.samplerate} Hz")
            if file.frames >= _UNKNOWN:
                raise DataError(
                    f"{name} does not state how long it is, as FLAC written into a pipe; convert"
                    " it to a file that does"
                )
            yield file, name
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from None


def _existing(source: Path | str) -> Path:
    try:
        path = existing_file(source)
        is_empty = not path.stat().st_size
    except (OSError, ValueError) as error:  # a name that is too long, or holds a null
        raise DataError(
            f"{shown(str(source))} cannot be the name of a file: {_reason(error)}"
        ) from None
    if is_empty:
        raise DataError(f"{path} is empty")
    return path


@contextmanager
def _readable(source: Path | BinaryIO, name: str) -> Iterator[Any]:
    """A `SoundFile`, or what is read like it."""
    if containers.is_container(source):
        yield containers.decode(source, name)
        return
    soundfile = needs("soundfile")
    try:
        file = soundfile.SoundFile(_with_a_right_header(source, name))
    except (RuntimeError, TypeError) as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise DataError(f"{name} is not audio that can be read: {reason}") from None
    with file:
        yield file


def _with_a_right_header(source: Path | BinaryIO, name: str) -> Path | BinaryIO:
    """The source, or, of a WAV file whose header hides its samples, a copy without that fault."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            found = _with_a_right_header(file, name)
        return source if found is file else found
    layout = wav_layout(source)
    if layout is None:
        return source
    if layout.is_cut_short:
        warnings.warn(
            f"{name} is cut short: its header states {layout.stated:,} bytes of samples, and"
            f" {layout.available:,} follow, which are read",
            stacklevel=2,
        )
    return io.BytesIO(repaired(source, layout, name)) if needs_repair(layout) else source


def _part(start: float, end: float | None, frames: int, rate: int, name: str) -> tuple[int, int]:
    """The first frame and the one after the last of a part given in seconds."""
    for which, value in (("start", start), ("end", end)):
        if value is not None and not _is_a_time(value):
            raise DataError(f"{name}: {which} must be a number of seconds")
    last = frames if end is None else round(end * rate)
    first = round(start * rate)
    if not 0 <= first < max(last, 1) or last > frames + round(_OVERSHOOT * rate):
        until = "its end" if end is None else f"{end} s"
        raise DataError(
            f"{name}: there is no part from {start} s to {until}; it lasts {frames / rate:.2f} s"
        )
    return first, min(last, frames)


def _is_a_time(value: Any) -> bool:
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    return is_number and abs(value) < 1e9 and math.isfinite(value)


def _checked_rate(rate: Any, name: str) -> int:
    is_number = isinstance(rate, (int, float, np.integer, np.floating))
    if is_number and _RATES[0] <= rate <= _RATES[1] and rate == int(rate):
        return int(rate)
    raise DataError(
        f"{name}: rate must be a whole number of samples a second from {_RATES[0]} to"
        f" {_RATES[1]}, not {shown(rate)}"
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
