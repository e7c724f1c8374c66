"""Strings of spoken digits, joined from recordings of single ones."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.sound.audio import Audio
from elman.data.sound.utterance import Utterance
from elman.errors import DataError

_LONGEST_GAP = 0.4  # seconds


def joined_strings(
    recordings: Sequence[Utterance],
    count: int,
    *,
    shortest: int = 3,
    longest: int = 7,
    seed: int = 0,
) -> Iterator[Utterance]:
    """Strings of words of one speaker each, with random gaps around and between them.

    A string's speaker, length and words are drawn evenly. A gap lasts up to 0.4 s and is filled
    with noise as faint as the faintest hundredth of a second of the word before it.

    **Arguments:**

    - `recordings`: single words with their transcripts, all of one rate.
    - `count`: strings to make.
    - `shortest`, `longest`: number of words in one.
    - `seed`: the same makes the same strings.

    **Returns:** utterances whose text is the words', separated by spaces.

    >>> word = Utterance("w", "one", audio=Audio(np.ones(80, np.float32), 8000), speaker="x")
    >>> string, = joined_strings([word], 1, shortest=3, longest=3)
    >>> string.text, string.speaker, string.seconds > 0.03
    ('one one one', 'x', True)
    """
    random = np.random.default_rng(seed)
    speakers = sorted({recording.speaker for recording in recordings})
    words: dict[str, dict[str, list[Utterance]]] = {speaker: {} for speaker in speakers}
    for recording in recordings:
        words[recording.speaker].setdefault(recording.text or "", []).append(recording)
    loaded: dict[int, Audio] = {}
    for number in range(count):
        speaker = speakers[random.integers(len(speakers))]
        known = sorted(words[speaker])
        length = random.integers(shortest, longest + 1)
        texts = [known[i] for i in random.integers(len(known), size=length)]
        pieces: list[NDArray[np.float32]] = []
        rates = set()
        for text in texts:
            choice = words[speaker][text]
            recording = choice[random.integers(len(choice))]
            if id(recording) not in loaded:
                loaded[id(recording)] = recording.load()
            audio = loaded[id(recording)]
            if not pieces:
                pieces.append(_gap(random, audio))
            pieces += [audio.samples, _gap(random, audio)]
            rates.add(audio.rate)
        if len(rates) > 1:
            raise DataError(f"recordings of one rate are needed, not of {sorted(rates)}")
        joined = Audio(np.concatenate(pieces), rates.pop())
        yield Utterance(
            f"string {number} of {speaker}", " ".join(texts), audio=joined, speaker=speaker
        )


def _gap(random: np.random.Generator, audio: Audio) -> NDArray[Any]:
    step = max(1, audio.rate // 100)
    whole = audio.samples[: len(audio.samples) // step * step]
    level = np.sqrt((whole.reshape(-1, step) ** 2).mean(1)).min() if len(whole) else 0.0
    noise = random.standard_normal(round(random.uniform(0, _LONGEST_GAP) * audio.rate))
    return (level * noise).astype(np.float32)
