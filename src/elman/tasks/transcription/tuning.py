"""How much a model of words counts in the beam search, found on held-out samples."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from elman.decode.ctc_beam import LM_WEIGHT, WORD_BONUS
from elman.decode.error_rates import wer
from elman.tasks.transcription.decoding import Array, Decoding, decoded

WEIGHTS = (0.0, 0.25, 0.75, 1.0, 1.5, 2.0)  # and the one that is usual
BONUSES = (0.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0)

Errors = NDArray[np.int64]


def tuned(decoding: Decoding, scores: Sequence[Array], texts: Sequence[str]) -> tuple[float, float]:
    """The weight of the n-gram model and the bonus of a word with the fewest errors of words.

    `scores` are the network's of samples with these `texts`. First the weight is searched, then
    the bonus, then the weight once more; what the settings give stays as it is. Another value than
    the usual one must be better by more than a standard error: of few samples the best of many
    values is best by chance.
    """
    settings, known = decoding.settings, decoding.known
    weight = LM_WEIGHT if settings.lm_weight is None else settings.lm_weight
    bonus = WORD_BONUS if settings.word_bonus is None else settings.word_bonus
    if known.words is None or known.alphabet.space is None or settings.beam == 1:
        return weight, bonus
    errors_of: dict[tuple[float, float], Errors] = {}

    def errors(weight: float, bonus: float) -> Errors:
        if (weight, bonus) not in errors_of:
            beam = decoding.beam(weight, bonus)
            found = [decoded(beam, each)[0].text for each in scores]
            pairs = zip(texts, found, strict=True)
            errors_of[weight, bonus] = np.array([wer([a], [b]).errors for a, b in pairs])
        return errors_of[weight, bonus]

    for _ in range(2):
        if settings.lm_weight is None:
            weight = better(weight, {w: errors(w, bonus) for w in (weight, *WEIGHTS)})
        if settings.word_bonus is None:
            bonus = better(bonus, {b: errors(weight, b) for b in (bonus, *BONUSES)})
    return weight, bonus


def better(usual: float, errors: Mapping[float, Errors]) -> float:
    """The value with the fewest errors, of each sample (N,), if that is fewer than with the usual
    one by more than a standard error of the difference; else the usual one.

    >>> better(0.5, {0.5: np.array([1, 2, 1, 2]), 0.0: np.array([0, 1, 0, 1])})
    0.0
    >>> better(0.5, {0.5: np.array([1, 2, 1, 2]), 0.0: np.array([3, 0, 2, 0])})
    0.5
    """
    best = min(errors, key=lambda each: int(errors[each].sum()))
    gains = errors[usual] - errors[best]
    error = gains.std(ddof=1) * len(gains) ** 0.5 if len(gains) > 1 else np.inf
    return best if gains.sum() > error else usual
