"""What a recogniser is compared with: answers without listening, scored by the same counting."""

from collections.abc import Sequence

from elman.baselines import Baseline
from elman.baselines.transcripts import empty_transcript, most_frequent_transcript
from elman.decode.error_rates import wer


def baselines(train: Sequence[str], held_out: Sequence[str]) -> list[Baseline]:
    """The most frequent transcript of training and the empty one, by their word error rates.

    >>> [each.metrics["wer"] for each in baselines(["yes", "no", "no"], ["no", "yes no"])]
    [0.3333333333333333, 1.0]
    """
    return [
        most_frequent_transcript(train, held_out, word_errors),
        empty_transcript(held_out, word_errors),
    ]


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """The errors of a hypothesis and the words of its reference.

    >>> word_errors("yes no no", "yes yes")
    (2, 3)
    """
    rate = wer([reference], [hypothesis])
    return rate.errors, rate.length
