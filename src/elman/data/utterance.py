"""Utterances: what was said, and its sound, read when it is needed."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from elman.data.acoustic import AcousticFeatures
from elman.data.audio import Audio, audio_seconds, checked, read_audio
from elman.errors import DataError, SettingsError
from elman.files import sha256

_FRAME_SECONDS = 0.01  # of ready features, too


@dataclass(frozen=True, eq=False)
class Utterance:
    """One utterance: sound in a file or in memory, or ready features.

    **Fields:**

    - `name`: where it comes from, for messages; an id if the source has one.
    - `text`: what was said; None if unknown.
    - `path`, `start`, `end`: the file, and the part of it in seconds.
    - `audio`: the sound in memory.
    - `features`: ready feature vectors (T, F) float32, one each 10 ms.
    - `speaker`: who speaks; "" if unknown.

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

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.path, self.audio, self.features)) != 1:
            raise SettingsError(f"{self.name}: one of path, audio and features must be given")

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
        return read_audio(self.path, start=self.start, end=self.end)

    def samples(self, rate: int) -> NDArray[np.float32]:
        """The sound at a rate, (N,) float32."""
        return self.load().resampled(rate).samples

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
            digest.update(f"{sha256(self.path)} {self.start} {self.end}".encode())
        elif self.audio is not None:
            digest.update(b"%d " % self.audio.rate + self.audio.samples.astype("<f4").tobytes())
        elif self.features is not None:
            digest.update(b"%d,%d " % self.features.shape + self.features.astype("<f4").tobytes())


class Utterances(Sequence[Utterance]):
    """Utterances in their order, either all of sound or all of ready features of one size.

    >>> ready = [Utterance(f"u{i}", "go", features=np.zeros((9, 13), np.float32)) for i in (0, 1)]
    >>> utterances = Utterances(ready)
    >>> len(utterances), utterances[1].name, utterances.features_size
    (2, 'u1', 13)
    """

    def __init__(self, utterances: Iterable[Utterance]) -> None:
        self._all = tuple(utterances)
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
        if not 0 < fraction < 1:
            raise SettingsError(f"fraction={fraction}: a number between 0 and 1 is needed")
        count = round(len(self) * fraction)
        if not 0 < count < len(self):
            raise DataError(f"{len(self)} utterances are too few to hold out a share of {fraction}")
        out = set(np.random.default_rng(seed).permutation(len(self))[:count].tolist())
        rest = [i for i in range(len(self)) if i not in out]
        return self.select(rest), self.select(sorted(out))
