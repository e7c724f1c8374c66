"""Utterances: what was said, and its sound, read when it is needed."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from elman.data.arguments import check_number, listed
from elman.data.sound.audio import Audio, audio_channels, audio_seconds, check_channel, read_audio
from elman.data.sound.features import AcousticFeatures
from elman.data.sound.samples import checked, scale_problem
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.files import sha256

_FRAME_SECONDS = 0.01  # of ready features, too


@dataclass(frozen=True, eq=False)
class Utterance:
    """One utterance: sound in a file or in memory, or precomputed features.

    **Fields:**

    - `name`: where it comes from, for messages; an id if the source has one.
    - `text`: what was said; None if unknown. Any white space in it becomes single spaces.
    - `path`, `start`, `end`: the file, and the part of it in seconds.
    - `audio`: the sound in memory.
    - `features`: ready feature vectors (T, F) float32, one each 10 ms.
    - `speaker`: who speaks; "" if unknown.
    - `channel`: which of the file's channels to take, 0 the first; their mean if None.

    >>> said = Utterance("a", "yes", audio=Audio(np.zeros(16000, np.float32), 16000))
    >>> said.seconds, said.samples(8000).shape, said.frames(AcousticFeatures(rate=8000)).shape
    (1.0, (8000,), (100, 40))
    """

    name: str
    text: str | None = None
    path: Path | None = None
    start: float = 0.0
    end: float | None = None
    audio: Audio | None = None
    features: NDArray[np.float32] | None = None
    speaker: str = ""
    channel: int | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.path, self.audio, self.features)) != 1:
            raise SettingsError(f"{self.name}: one of path, audio and features must be given")
        if self.audio is not None and not isinstance(self.audio, Audio):
            raise SettingsError(
                f"{self.name}: audio must be an Audio, not a {type(self.audio).__name__}"
            )
        check_channel(self.channel)
        check_number(f"{shown(self.name)}: start", self.start, 0)
        if self.end is not None:
            check_number(f"{shown(self.name)}: end", self.end, 0)
        if self.path is not None:
            object.__setattr__(self, "path", _as_path(self.path, self.name))
        if self.text is not None:
            object.__setattr__(self, "text", tidy(self.text, self.name))
        if self.features is not None:
            object.__setattr__(self, "features", _feature_vectors(self.features, self.name))

    @property
    def seconds(self) -> float:
        """How long it lasts; of a file its header says so."""
        if self.features is not None:
            return len(self.features) * _FRAME_SECONDS
        if self.audio is not None:
            return self.audio.seconds
        assert self.path is not None
        return (audio_seconds(self.path) if self.end is None else self.end) - self.start

    def load(self) -> Audio:
        """The sound at its own rate; `DataError` if it is broken or there are only features."""
        if self.audio is not None:
            return Audio(checked(self.audio.samples, self.name), self.audio.rate)
        if self.path is None:
            raise DataError(f"{self.name} holds features, without the sound they came from")
        return read_audio(self.path, start=self.start, end=self.end, channel=self.channel)

    @property
    def mixed_channels(self) -> int:
        """How many channels are mixed to one when the sound is read; 1 if none are."""
        if self.path is None or self.channel is not None:
            return 1
        return audio_channels(self.path)

    def samples(self, rate: int) -> NDArray[np.float32]:
        """The sound at a rate, (N,) float32; `DataError` if it is plainly not scaled to -1 to 1."""
        audio = self.load()
        if problem := scale_problem(audio.samples):
            raise DataError(f"{self.name}: {problem}")
        return audio.resampled(rate).samples

    def frames(self, acoustic: AcousticFeatures) -> NDArray[np.float32]:
        """Its feature vectors, (T, F) float32: the ready ones, or those of the sound.

        Raises `DataError` where sound is broken or too short for a frame.
        """
        if self.features is not None:
            return self.features
        frames = acoustic.offline(self.samples(acoustic.rate))
        if not len(frames):
            raise DataError(f"{self.name} is too short: not one frame of 10 ms")
        return frames

    def update(self, digest: "hashlib._Hash") -> None:
        """Add text and content to a hash."""
        text = "" if self.text is None else self.text
        content = text.encode("utf-8", "surrogatepass")
        digest.update(b"u%d:" % len(content) + content)
        if self.path is not None:
            channel = "" if self.channel is None else f" channel {self.channel}"
            digest.update(f"{sha256(self.path)} {self.start} {self.end}{channel}".encode())
        elif self.audio is not None:
            digest.update(b"%d " % self.audio.rate + self.audio.samples.astype("<f4").tobytes())
        elif self.features is not None:
            digest.update(b"%d,%d " % self.features.shape + self.features.astype("<f4").tobytes())


def tidy(text: str, name: str) -> str:
    r"""A transcript with single spaces for any white space, none at its ends.

    Byte order marks are dropped. `DataError` for what is no string of characters.

    >>> tidy("\ufeffgo\u00a0 on\u3000\r\n", "u")
    'go on'
    """
    if not isinstance(text, str):
        raise DataError(f"{name}: the transcript is a {type(text).__name__}, not a string")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError(
            f"{name}: the transcript has half of a surrogate pair, which is no character"
        )
    return " ".join(text.replace("\ufeff", " ").split())


def _as_path(path: Path | str, name: str) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise SettingsError(f"{name}: path must be a path, not a {type(path).__name__}") from None


def _feature_vectors(features: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype.kind != "f":
        raise DataError(f"{name}: features must be an array of floats (T, F)")
    if not features.size or not np.isfinite(features).all():
        raise DataError(f"{name}: features are empty, NaN or infinite")
    return np.ascontiguousarray(features, np.float32)


class Utterances(Sequence[Utterance]):
    """Utterances in their order, either all of sound or all of precomputed features of one size.

    >>> ready = [Utterance(f"u{i}", "go", features=np.zeros((9, 13), np.float32)) for i in (0, 1)]
    >>> utterances = Utterances(ready)
    >>> len(utterances), utterances[1].name, utterances.features_size
    (2, 'u1', 13)
    """

    def __init__(self, utterances: Iterable[Utterance]) -> None:
        self._all = tuple(listed(utterances, "utterances", Utterance, "utterances"))
        if not self._all:
            raise DataError("there are no utterances")
        sizes = {None if u.features is None else u.features.shape[1] for u in self._all}
        if len(sizes) > 1:
            kinds = sorted("sound" if size is None else f"{size} features" for size in sizes)
            raise DataError(f"utterances are all of one kind; these are of {' and '.join(kinds)}")
        self.features_size: int | None = sizes.pop()

    @overload
    def __getitem__(self, index: int) -> Utterance: ...

    @overload
    def __getitem__(self, index: slice) -> "Utterances": ...

    def __getitem__(self, index: int | slice) -> "Utterance | Utterances":
        return Utterances(self._all[index]) if isinstance(index, slice) else self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self._all)

    @property
    def texts(self) -> list[str]:
        """What was said in each; `DataError` names the first without a transcript."""
        texts = []
        for utterance in self._all:
            if utterance.text is None:
                raise DataError(f"{utterance.name} has no transcript")
            texts.append(utterance.text)
        return texts

    @property
    def sha256(self) -> str:
        """A hash of all transcripts and all sound or features, in their order."""
        digest = hashlib.sha256()
        for utterance in self._all:
            utterance.update(digest)
        return digest.hexdigest()

    def select(self, indices: Iterable[int]) -> "Utterances":
        """Some of them, in the order of `indices`."""
        return Utterances(self._all[int(i)] for i in indices)

    def split(self, fraction: float, seed: int = 0) -> "tuple[Utterances, Utterances]":
        """Two parts, the second of about `fraction`, drawn at random; both keep the order."""
        if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
            raise SettingsError(f"fraction={shown(fraction)}: a number between 0 and 1 is needed")
        first, second = split_places([""] * len(self), fraction, seed)
        return self.select(first), self.select(second)


_LEAST_SPEAKERS = 4


def split(utterances: Utterances, share: float, seed: int) -> tuple[Utterances, Utterances]:
    """Two parts, the second of about `share`; where speakers are known, each is in one part only.

    With fewer than four speakers each may be in both.
    """
    first, second = split_places([each.speaker for each in utterances], share, seed)
    return utterances.select(first), utterances.select(second)


def split_places(speakers: Sequence[str], share: float, seed: int) -> tuple[list[int], list[int]]:
    """The places of both parts, as `split` finds them by the speaker of each utterance."""
    known, random = sorted(set(speakers)), np.random.default_rng(seed)
    if len(known) < _LEAST_SPEAKERS:
        count = round(len(speakers) * share)
        if not 0 < count < len(speakers):
            raise DataError(
                f"{len(speakers)} utterances are too few to hold out a share of {share}"
            )
        out = set(random.permutation(len(speakers))[:count].tolist())
        is_out = [place in out for place in range(len(speakers))]
    else:
        count = max(1, round(len(known) * share))
        held_out = {known[i] for i in random.permutation(len(known))[:count].tolist()}
        is_out = [speaker in held_out for speaker in speakers]
    parts: tuple[list[int], list[int]] = [], []
    for place, out_of_training in enumerate(is_out):
        parts[out_of_training].append(place)
    return parts
