"""Utterances as frames of features, the broken ones set aside with their reasons."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from elman.data import (
    AcousticFeatures,
    Utterance,
    UtteranceCheck,
    Utterances,
    at_speed,
    check_utterances,
    with_noise,
)
from elman.decode.alphabet import Alphabet
from elman.errors import DataError
from elman.tasks.speech.frontend import Array
from elman.tasks.speech.settings import SpeechSettings

_MOST_RATE = 16000


@dataclass
class Frames:
    """Utterances that can be heard.

    **Fields:** `at`: each one's place among all; `frames`: its features, (T, F); `seconds`: how
    long it lasts; `broken`: of the others, by place, what is wrong.
    """

    at: list[int] = field(default_factory=list)
    frames: list[Array] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)


def hear(utterances: Iterable[Utterance], acoustic: AcousticFeatures | None, size: int) -> Frames:
    """The frames of utterances: `acoustic` of their sound, or, if None, their ready features."""
    found = Frames()
    for i, utterance in enumerate(utterances):
        try:
            frames = frames_of(utterance, acoustic, size)
            seconds = utterance.seconds
        except DataError as error:
            found.broken[i] = _named(utterance.name, str(error))
            continue
        found.at.append(i)
        found.frames.append(frames)
        found.seconds.append(seconds)
    return found


def frames_of(utterance: Utterance, acoustic: AcousticFeatures | None, size: int) -> Array:
    """One utterance's frames, (T, size); DataError if it is broken or of another kind."""
    if acoustic is None and utterance.features is None:
        raise DataError(f"{utterance.name}: the model reads ready features, this is sound")
    if acoustic is not None:
        if utterance.features is not None:
            raise DataError(f"{utterance.name}: the model reads sound, these are ready features")
        return utterance.frames(acoustic)
    assert utterance.features is not None
    if utterance.features.shape[1] != size:
        raise DataError(
            f"{utterance.name}: {utterance.features.shape[1]} features a frame where the model"
            f" has {size}"
        )
    return utterance.features


def acoustic_of(utterances: Utterances, settings: SpeechSettings) -> AcousticFeatures:
    """What is computed of sound, at the settings' rate or that of the first that can be read."""
    rate = settings.sample_rate
    for utterance in utterances if rate is None else ():
        try:
            rate = min(_MOST_RATE, utterance.load().rate)
            break
        except DataError:
            continue
    return AcousticFeatures(kind=settings.acoustic, bins=settings.bins, rate=rate or _MOST_RATE)


def learnable(
    utterances: Utterances, step_seconds: float, alphabet: Alphabet | None = None
) -> UtteranceCheck:
    """A check of utterances with transcripts; those with a problem are not `usable`."""
    characters = None if alphabet is None else alphabet.characters
    return check_utterances(utterances, characters=characters, step_seconds=step_seconds)


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


def variants(
    utterance: Utterance, acoustic: AcousticFeatures, speed: float, noise: float | None, seed: int
) -> list[Array]:
    """Frames of the same sound slower and faster by `speed` (Ko et al. 2015), and noisy.

    `noise`: decibels of the sound above the noise at least; none if None.
    """
    samples = utterance.samples(acoustic.rate)
    sounds = []
    if speed:
        sounds += [at_speed(samples, acoustic.rate, 1 + by) for by in (-speed, speed)]
    if noise is not None:
        random = np.random.default_rng(seed)
        sounds.append(with_noise(samples, noise + 20 * random.random(), random))
    found = [acoustic.offline(sound) for sound in sounds]
    return [frames for frames in found if len(frames)]


def _named(name: str, reason: str) -> str:
    return reason if name in reason else f"{name}: {reason}"
