"""Utterances held out from training, with their speakers."""

import numpy as np

from elman.data import Utterances

_LEAST_SPEAKERS = 4


def split(utterances: Utterances, share: float, seed: int) -> tuple[Utterances, Utterances]:
    """Two parts, the second of about `share`; where speakers are known, each is in one part only.

    With fewer than four speakers each may be in both.
    """
    speakers = sorted({utterance.speaker for utterance in utterances})
    if len(speakers) < _LEAST_SPEAKERS:
        return utterances.split(share, seed)
    count = max(1, round(len(speakers) * share))
    random = np.random.default_rng(seed)
    out = {speakers[i] for i in random.permutation(len(speakers))[:count].tolist()}
    parts: tuple[list[int], list[int]] = [], []
    for i, utterance in enumerate(utterances):
        parts[utterance.speaker in out].append(i)
    return utterances.select(parts[0]), utterances.select(parts[1])
