"""Utterances as frames of features, the broken ones set aside with their reasons."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from elman.data import AcousticFeatures, Utterance
from elman.errors import DataError
from elman.tasks.speech.alphabet import Alphabet
from elman.tasks.speech.front import Array, Front

_NAMED = 3  # broken utterances in one message


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

    def complaint(self, count: int) -> str:
        """In one line, which of `count` utterances are left out and why."""
        reasons = list(self.broken.values())
        more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
        return f"{len(reasons)} of {count} left out: {'; '.join(reasons[:_NAMED])}{more}"


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


def to_learn(
    utterances: Iterable[Utterance],
    acoustic: AcousticFeatures | None,
    size: int,
    front: Front,
    alphabet: Alphabet,
) -> tuple[Frames, list[list[int]]]:
    """Of utterances with transcripts those that can be learnt from, and their texts' ids."""
    utterances = list(utterances)
    heard = hear(utterances, acoustic, size)
    kept, texts = Frames(broken=heard.broken), []
    for at, frames, seconds in zip(heard.at, heard.frames, heard.seconds, strict=True):
        name, text = utterances[at].name, utterances[at].text or ""
        try:
            ids = alphabet.encode(text)
        except DataError as error:
            kept.broken[at] = _named(name, str(error))
            continue
        repeated = sum(a == b for a, b in pairwise(ids))
        if not ids:
            kept.broken[at] = f"{name}: the transcript is empty"
        elif len(ids) + repeated > front.steps(len(frames)):
            kept.broken[at] = (
                f"{name}: the transcript of {len(ids)} characters is longer than its"
                f" {seconds:.2f} s, which make {front.steps(len(frames))} steps"
            )
        else:
            kept.at.append(at)
            kept.frames.append(frames)
            kept.seconds.append(seconds)
            texts.append(ids)
    return kept, texts


def _named(name: str, reason: str) -> str:
    return reason if name in reason else f"{name}: {reason}"
