"""How much a model of words counts in the beam search, found on held-out utterances."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elman.decode.ctc_beam import LM_WEIGHT, WORD_BONUS
from elman.decode.error_rates import wer
from elman.tasks.speech.decoding import decoded
from elman.tasks.speech.frontend import Array

if TYPE_CHECKING:
    from elman.tasks.speech.task import Speech

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
BONUSES = (0.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0)  # and the one that is usual


def tuned(task: "Speech", scores: Sequence[Array], said: Sequence[str]) -> tuple[float, float]:
    """The weight of the n-gram model and the bonus of a word with the fewest errors of words.

    `scores` are the network's of utterances in which `said` was said. First the weight is
    searched, then the bonus, then the weight once more; what the settings give stays as it is.
    """
    settings = task.settings
    weight = LM_WEIGHT if settings.lm_weight is None else settings.lm_weight
    bonus = WORD_BONUS if settings.word_bonus is None else settings.word_bonus
    if task.words is None or task.alphabet.space is None or settings.beam == 1:
        return weight, bonus
    known: dict[tuple[float, float], int] = {}

    def errors(weight: float, bonus: float) -> int:
        if (weight, bonus) not in known:
            beam = task.decoding.beam(weight, bonus)
            heard = [decoded(beam, each)[0].text for each in scores]
            known[weight, bonus] = wer(said, heard).errors
        return known[weight, bonus]

    for _ in range(2):
        if settings.lm_weight is None:
            weight = min((weight, *WEIGHTS), key=lambda each: errors(each, bonus))
        if settings.word_bonus is None:
            bonus = min((bonus, *BONUSES), key=lambda each: errors(weight, each))
    return weight, bonus
