"""What a recogniser hears: log mel energies or cepstra, the same numbers offline and online."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from elman.data.sound.audio import needs
from elman.data.sound.samples import checked
from elman.data.validation import Settings
from elman.errors import SettingsError


class AcousticFeatures(Settings):
    """Feature vectors of sound, one every 10 ms from windows of 25 ms.

    Computed by kaldi-native-fbank, without dither. Frame t is centred 10 t + 5 ms after the start;
    at both ends the sound is mirrored, so that N samples give about N / (0.01 rate) frames.

    "log_mel": logarithms of the energies that `bins` triangular filters pass, evenly spread on
    the mel scale. "mfcc": the first `coefficients` of their cosine transform (Davis & Mermelstein,
    Comparison of parametric representations for monosyllabic word recognition, 1980), liftered
    as in HTK, with C0 first.

    >>> features = AcousticFeatures(bins=40, rate=8000)
    >>> features.offline(np.zeros(8000, np.float32)).shape, features.size
    ((100, 40), 40)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["log_mel", "mfcc"] = Field("log_mel", description="Kind of features.")
    bins: int = Field(40, ge=4, le=256, description="Number of filters on the mel scale.")
    coefficients: int = Field(
        13, ge=1, le=256, description="Number of cepstral coefficients kept, for mfcc."
    )
    rate: int = Field(16000, ge=2000, le=192000, description="Sampling rate, in Hz.")
    low: float = Field(20.0, ge=0, description="Lower edge of the lowest filter, in Hz.")
    high: float = Field(
        0.0,
        description="Upper edge of the highest filter, in Hz; relative to half the sampling rate if"
        " <= 0.",
    )

    @property
    def size(self) -> int:
        """The length of a feature vector, F."""
        return self.bins if self.kind == "log_mel" else min(self.coefficients, self.bins)

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return 0.01

    def offline(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of a whole recording, (N,) float32 at `rate`: (T, F) float32; T may be 0."""
        stream = self.online()
        return np.concatenate([stream.accept(samples), stream.finish()])

    def without_loudness(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames of a whole recording, (T, F), as if it were of a set loudness.

        Twice as loud adds the same number everywhere to log mel energies, and to no cepstrum but
        C0; the mean over the recording takes it off.

        >>> features = AcousticFeatures()
        >>> sound = np.random.default_rng(0).uniform(-0.1, 0.1, 8000).astype(np.float32)
        >>> quiet, loud = (features.offline(size * sound) for size in (1, 8))
        >>> bool(np.abs(loud - quiet).max() > 4)
        True
        >>> quiet, loud = (features.without_loudness(frames) for frames in (quiet, loud))
        >>> bool(np.abs(loud - quiet).max() < 0.01)
        True
        """
        if self.kind == "log_mel":
            level: NDArray[np.float32] = frames - frames.mean(dtype=np.float32)
            return level
        first = frames[:, :1] - frames[:, :1].mean()
        return np.concatenate([first, frames[:, 1:]], axis=1, dtype=np.float32)

    def online(self) -> "AcousticStream":
        """A stream that takes samples as they arrive."""
        return AcousticStream(self)

    def _computer(self) -> Any:
        knf = needs("kaldi_native_fbank")
        try:
            return self._computer_of(knf)
        except ValueError as error:
            raise SettingsError(
                f"bins={self.bins}, rate={self.rate}, low={self.low}, high={self.high}: {error}"
            ) from None

    def _computer_of(self, knf: ModuleType) -> Any:
        frames = knf.FrameExtractionOptions(
            samp_freq=self.rate,
            frame_shift_ms=1000 * self.frame_seconds,
            frame_length_ms=25,
            dither=0,
            snip_edges=False,
        )
        mel = knf.MelBanksOptions(num_bins=self.bins, low_freq=self.low, high_freq=self.high)
        if self.kind == "log_mel":
            return knf.OnlineFbank(knf.FbankOptions(frame_opts=frames, mel_opts=mel))
        options = knf.MfccOptions(
            frame_opts=frames, mel_opts=mel, num_ceps=self.size, use_energy=False
        )
        return knf.OnlineMfcc(options)


class AcousticStream:
    """Features of sound that is still coming; memory does not grow.

    Put together, what `accept` and `finish` return is what `AcousticFeatures.offline` returns of
    the whole, bit for bit.

    >>> stream = AcousticFeatures(bins=8, rate=8000).online()
    >>> [len(stream.accept(np.zeros(n, np.float32))) for n in (100, 100, 800)]
    [0, 1, 10]
    >>> len(stream.finish())
    2
    """

    def __init__(self, features: AcousticFeatures) -> None:
        self.features = features
        self._computer = features._computer()
        self._given = 0
        self._dropped = 0  # frames that the computer gives beside those of the whole sound
        self._recent = np.zeros(0, np.float32)  # what frames to come can be computed from again
        self._shift = features.rate // 100  # samples from frame to frame

    def accept(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames that are ready after more samples, (t, F) float32; t may be 0."""
        if np.size(samples):
            samples = checked(samples, "samples")
            before = self._given
            self._computer.accept_waveform(self.features.rate, samples)
            frames = self._ready()
            passed = max(0, self._given - 1) - max(0, before - 1)
            self._recent = np.concatenate([self._recent, samples])[passed * self._shift :]
            return frames
        return self._ready()

    def finish(self) -> NDArray[np.float32]:
        """The last frames, (t, F), whose windows reach beyond the end."""
        self._computer.input_finished()
        return self._ready()

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered: the frames given, and the samples (N,) from the beginning of the
        last one of them on, which frames to come are computed from."""
        import torch  # which the settings of a front end do without

        return {"given": self._given, "recent": torch.from_numpy(self._recent.copy())}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the `state` of another, bit for bit."""
        recent = np.array(saved["recent"].numpy(), np.float32)
        self._given, self._recent = int(saved["given"]), recent
        if self._given < 0 or recent.ndim != 1:
            raise ValueError("the number of frames and samples (N,) are needed")
        self._dropped = max(0, self._given - 1)
        if len(recent):
            self._computer.accept_waveform(self.features.rate, recent)
        # The last frame that was given is computed again, of what lies before it mirrored.
        again = min(self._given, 1)
        if self._computer.num_frames_ready != again:
            raise ValueError("the samples are not those after the frames given")
        self._computer.pop(again)

    def _ready(self) -> NDArray[np.float32]:
        ready = self._dropped + self._computer.num_frames_ready
        frames = np.empty((ready - self._given, self.features.size), np.float32)
        for i, frame in enumerate(frames):
            frame[:] = self._computer.get_frame(self._given - self._dropped + i)
        self._computer.pop(len(frames))
        self._given = ready
        return frames
