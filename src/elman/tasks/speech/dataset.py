"""What a recogniser reads: utterances as frames of features, the broken ones left out."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman.data import (
    AcousticFeatures,
    Utterance,
    Utterances,
    at_speed,
    check_utterances,
    read_utterances,
    with_noise,
)
from elman.data.shards.read import Shards
from elman.decode.alphabet import Alphabet
from elman.errors import DataError
from elman.progress import counted
from elman.tasks.speech.frontend import Array
from elman.tasks.speech.settings import SpeechSettings
from elman.tasks.speech.sharded import SpeechShards
from elman.tasks.streamed import by_sample

_MOST_RATE = 16000


@dataclass(frozen=True)
class SpeechData:
    """Utterances that can be heard, with their frames.

    **Fields:** `utterances`; of each its `frames`, (T, F) float32, and how many `seconds` it lasts;
    `acoustic`, how sound became features, None of ready ones; `names` of all utterances of the
    source; `left_out`: by its place there, what is wrong with one that cannot be heard; `shards`:
    of which these are a sample.
    """

    utterances: tuple[Utterance, ...]
    frames: tuple[Array, ...]
    seconds: tuple[float, ...]
    acoustic: AcousticFeatures | None
    names: tuple[str, ...]
    left_out: dict[int, str]
    shards: SpeechShards | None = None

    @property
    def all_texts(self) -> list[str]:
        """What was said in each, in memory or in shards."""
        return self.texts if self.shards is None else self.shards.texts

    @property
    def all_seconds(self) -> Sequence[float]:
        """How long each lasts, in memory or in shards."""
        return self.seconds if self.shards is None else self.shards.seconds

    @property
    def sha256(self) -> str:
        """A hash of all of them."""
        known = self.shards
        return Utterances(self.utterances).sha256 if known is None else known.sha256

    @property
    def chosen(self) -> dict[str, str]:
        """What was found by a sample of them alone, as a fact."""
        if self.shards is None:
            return {}
        found = "scale of the features"
        return by_sample(found, len(self), len(self.all_seconds), "utterances")

    def __len__(self) -> int:
        return len(self.utterances)

    def shown(self, number: int) -> str:
        """An utterance's name."""
        return self.utterances[number].name

    @property
    def texts(self) -> list[str]:
        """What was said in each; `DataError` names the first without a transcript."""
        return Utterances(self.utterances).texts

    def part(self, utterances: Utterances) -> "SpeechData":
        """The data of some of the utterances."""
        places = {id(each): i for i, each in enumerate(self.utterances)}
        chosen = [places[id(each)] for each in utterances]
        return SpeechData(
            tuple(utterances),
            tuple(self.frames[i] for i in chosen),
            tuple(self.seconds[i] for i in chosen),
            self.acoustic,
            tuple(each.name for each in utterances),
            {},
        )


def find(
    data: Any, settings: SpeechSettings, *, labelled: bool, channel: int | None = None
) -> Utterances:
    """The utterances that data names, of `channel` or that of the settings."""
    if Shards.at(data, "speech") is not None:
        raise DataError(f"{data} are shards, to train on: give the recordings themselves")
    return read_utterances(
        data,
        path=settings.path,
        text=settings.text if labelled else None,
        audio_folder=settings.audio_folder,
        channel=settings.channel if channel is None else channel,
        **settings.text_file,
    )


def hear(utterances: Utterances, acoustic: AcousticFeatures | None, size: int) -> SpeechData:
    """The frames of utterances: `acoustic` of their sound, or precomputed features if None."""
    found, left_out = [], {}
    for i, utterance in enumerate(counted(utterances, len(utterances))):
        try:
            found.append((utterance, frames_of(utterance, acoustic, size), utterance.seconds))
        except DataError as error:
            reason = str(error)
            named = reason if utterance.name in reason else f"{utterance.name}: {reason}"
            left_out[i] = named
    names = tuple(each.name for each in utterances)
    heard, frames, seconds = zip(*found, strict=True) if found else ((), (), ())
    return SpeechData(heard, frames, seconds, acoustic, names, left_out)


def frames_of(utterance: Utterance, acoustic: AcousticFeatures | None, size: int) -> Array:
    """One utterance's frames, (T, size); DataError if it is broken or of another kind."""
    if acoustic is None and utterance.features is None:
        raise DataError(f"{utterance.name}: the model reads precomputed features, this is sound")
    if acoustic is not None:
        if utterance.features is not None:
            raise DataError(
                f"{utterance.name}: the model reads sound, these are precomputed features"
            )
        return utterance.frames(acoustic)
    assert utterance.features is not None
    if utterance.features.shape[1] != size:
        raise DataError(
            f"{utterance.name}: {utterance.features.shape[1]} features a frame where the model"
            f" has {size}"
        )
    return utterance.features


def without_sound(data: SpeechData) -> SpeechData:
    """The same with frames alone, where the sound is in memory."""
    both = zip(data.utterances, data.frames, strict=True)
    light = tuple(
        each if each.audio is None else replace(each, audio=None, features=frames)
        for each, frames in both
    )
    return replace(data, utterances=light)


def features_of(
    utterances: Utterances, settings: SpeechSettings
) -> tuple[AcousticFeatures | None, int]:
    """How a new model is to hear utterances, and the features of a frame: ready ones, or computed
    at the settings' rate or that of the first that can be read."""
    if utterances.features_size is not None:
        return None, utterances.features_size
    rate = settings.sample_rate
    for utterance in utterances if rate is None else ():
        try:
            rate = min(_MOST_RATE, utterance.load().rate)
            break
        except DataError:
            continue
    rate = rate or _MOST_RATE
    acoustic = AcousticFeatures(kind=settings.acoustic, bins=settings.bins, rate=rate)
    return acoustic, acoustic.size


def usable(
    utterances: Utterances, settings: SpeechSettings, what: str, alphabet: Alphabet | None = None
) -> Utterances:
    """Utterances to learn or to measure by; a warning says which of `what` are left out and why."""
    found = check_utterances(
        utterances,
        characters=None if alphabet is None else alphabet.characters,
        step_seconds=settings.step_seconds,
    )
    usable = found.usable
    if len(usable) < len(utterances) or found.are_mixed:
        warnings.warn(f"{what}: {found.summary()}", stacklevel=2)
    return usable


def with_transcripts(utterances: Utterances) -> Utterances:
    """Those that have a transcript; a warning says how many are left out."""
    some = [i for i, utterance in enumerate(utterances) if utterance.text is not None]
    if len(some) == len(utterances):
        return utterances
    first = next(utterance for utterance in utterances if utterance.text is None)
    if not some:
        raise DataError(f"{first.name} has no transcript")
    warnings.warn(
        f"{len(utterances) - len(some)} of {len(utterances)} utterances have no transcript and are"
        f" left out, the first is {first.name}",
        stacklevel=3,
    )
    return utterances.select(some)


def variants(speed: float, noise: float | None) -> int:
    """How many `variant`s of a sound there are."""
    return (2 if speed else 0) + (noise is not None)


def variant(
    utterance: Utterance,
    acoustic: AcousticFeatures,
    number: int,
    speed: float,
    noise: float | None,
    seed: int,
) -> Array:
    """Frames of the same sound, slower or faster by `speed` (Ko et al. 2015), or noisy.

    `noise`: decibels of the sound above the noise at least; none if None.
    """
    samples, rate = utterance.samples(acoustic.rate), acoustic.rate
    if speed and number < 2:
        return acoustic.offline(at_speed(samples, rate, 1 + (-speed, speed)[number]))
    assert noise is not None
    random = np.random.default_rng(seed)
    return acoustic.offline(with_noise(samples, noise + 20 * random.random(), random))
