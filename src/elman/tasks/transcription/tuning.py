"""How much a model of words counts in the beam search, found on held-out utterances."""

from collections.abc import Sequence

from elman.decode.ctc_beam import LM_WEIGHT, WORD_BONUS
from elman.decode.error_rates import wer
from elman.tasks.transcription.decoding import Array, Decoding, decoded

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
BONUSES = (0.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0)  # and the one that is usual


def tuned(decoding: Decoding, scores: Sequence[Array], texts: Sequence[str]) -> tuple[float, float]:
    """The weight of the n-gram model and the bonus of a word with the fewest errors of words.

    `scores` are the network's of utterances with these `texts`. First the weight is
    searched, then the bonus, then the weight once more; what the settings give stays as it is.
    """
    settings, known = decoding.settings, decoding.known
    weight = LM_WEIGHT if settings.lm_weight is None else settings.lm_weight
    bonus = WORD_BONUS if settings.word_bonus is None else settings.word_bonus
    if known.words is None or known.alphabet.space is None or settings.beam == 1:
        return weight, bonus
    errors_of: dict[tuple[float, float], int] = {}

    def errors(weight: float, bonus: float) -> int:
        if (weight, bonus) not in errors_of:
            beam = decoding.beam(weight, bonus)
            heard = [decoded(beam, each)[0].text for each in scores]
            errors_of[weight, bonus] = wer(texts, heard).errors
        return errors_of[weight, bonus]

    for _ in range(2):
        if settings.lm_weight is None:
            weight = min((weight, *WEIGHTS), key=lambda each: errors(each, bonus))
        if settings.word_bonus is None:
            bonus = min((bonus, *BONUSES), key=lambda each: errors(weight, each))
    return weight, bonus
