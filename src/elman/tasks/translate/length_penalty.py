"""The exponent of the length penalty that suits held-out pairs, by ranking n-best lists again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elman.decode.search import length_penalty
from elman.tasks.translate.decoding import Found
from elman.tasks.translate.metrics import sentence_chrf

if TYPE_CHECKING:
    from elman.tasks.translate.dataset import TranslateData
    from elman.tasks.translate.report import Output

VALUES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)
_MOST, _FEWEST, _PART = 200, 20, 5  # sentences that are translated, and the part of all


@dataclass(frozen=True)
class Choice:
    """The exponent, and the scores of it and of the one before, of how many sentences."""

    value: float
    score: float
    before: float
    former: float
    sentences: int
    metric: str

    def __str__(self) -> str:
        return (
            f"Chosen: length_penalty {self.value:g} on {self.sentences} held-out sentences:"
            f" {self.metric} {self.score:.2f}, {self.former:.2f} with {self.before:g}"
        )


def sample(validation: "TranslateData") -> "TranslateData | None":
    """The pairs to choose by: a fifth of those held out, so that it takes little beside the
    evaluations of training; None if they are too few to tell."""
    count = min(_MOST, len(validation) // _PART)
    if count < _FEWEST:
        return None
    numbers = np.linspace(0, len(validation) - 1, count).astype(int).tolist()
    return replace(validation, pairs=validation.pairs.select(numbers))


def chosen(
    output: Sequence["Output"], references: Sequence[str], before: float, metric: str
) -> Choice:
    """The best of `VALUES`, by n-best lists of a beam search that are ranked by each.

    **Arguments:** `before`: the exponent of the search, which stays unless another one is better by
    more than the standard error of the difference; `metric`: "exact", else it is chrF.
    """
    metric = metric if metric == "exact" else "chrf"
    scored = [
        _scores(each.texts, reference, metric)
        for each, reference in zip(output, references, strict=True)
    ]

    def of(alpha: float) -> NDArray[np.float64]:
        pairs = zip(output, scored, strict=True)
        return np.array([own[ranked(each.found, alpha)] for each, own in pairs])

    former = of(before)
    value, most = before, 0.0
    for alpha in sorted(VALUES, key=lambda each: abs(each - before)):
        gain = of(alpha) - former
        if gain.mean() > max(most, gain.std() / len(gain) ** 0.5):
            value, most = alpha, float(gain.mean())
    own = float(former.mean())
    return Choice(value, own + most, before, own, len(output), metric)


def ranked(found: Sequence[Found], alpha: float) -> int:
    """Which translation of a list is the best with an exponent."""
    scores = [
        each.log_probability / length_penalty(len(each.ids) + each.ended, alpha) for each in found
    ]
    return int(np.argmax(scores))


def _scores(texts: Sequence[str], reference: str, metric: str) -> NDArray[np.float64]:
    """chrF, 0 to 100, or whether it is the reference, of each translation of a list."""
    if metric == "exact":
        return np.array([100.0 * (text == reference) for text in texts])
    return np.array(sentence_chrf(texts, [[reference]] * len(texts)))
