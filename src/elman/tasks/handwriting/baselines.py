"""What a recogniser of handwriting is compared with."""

import numpy as np
from numpy.typing import NDArray

from elman.baselines import Baseline
from elman.baselines.dtw import dtw
from elman.baselines.majority import majority
from elman.baselines.transcripts import empty_transcript, most_frequent_transcript
from elman.decode.error_rates import cer
from elman.tasks.handwriting.dataset import HandwritingData
from elman.tasks.handwriting.preprocessing import HandwritingPreprocessing


def baselines(
    train: HandwritingData, held_out: HandwritingData, known: HandwritingPreprocessing, seed: int
) -> list[Baseline]:
    """Of symbols the most frequent one and the nearest sample by dynamic time warping; of texts
    the most frequent text and none at all."""
    texts, actual = train.texts, held_out.texts
    if known.is_text:
        return [
            most_frequent_transcript(texts, actual, character_errors, metric="cer"),
            empty_transcript(actual, character_errors, metric="cer"),
        ]
    paths, others = _paths(train, known), _paths(held_out, known)
    return [majority(texts, actual), dtw(paths, texts, others, actual, seed=seed)]


def _paths(data: HandwritingData, known: HandwritingPreprocessing) -> list[NDArray[np.float32]]:
    """The points of each sample in its own box, with the flag of a stroke's first."""
    return [steps[:, :3].numpy() for steps in known.sequences(data)]


def character_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """The errors of a hypothesis and the characters of its reference.

    >>> character_errors("abc", "ab")
    (1, 3)
    """
    rate = cer([reference], [hypothesis])
    return rate.errors, rate.length
