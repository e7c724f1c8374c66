"""What a recogniser answers of ink: symbols with probabilities, texts with their characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.decode.alphabet import Alphabet
from elman.decode.forced_alignment import forced_alignment
from elman.tasks.prediction import Prediction

COLUMNS = "text", "name"  # of a prediction's value and of its input


@dataclass(frozen=True)
class Character:
    """A character of a text and the ink's points that it was drawn with, first to last."""

    text: str
    first: int
    last: int


def symbol(probabilities: NDArray[np.float32], labels: Sequence[str], n: int) -> Prediction:
    """The likeliest symbol with its probability; with `n` above 1 the `others` after it."""
    order = np.argsort(-probabilities, kind="stable")[:n]
    (best, *rest) = [(labels[i], round(float(probabilities[i]), 4)) for i in order]
    details: dict[str, Any] = {"probability": best[1]}
    if n > 1:
        details["others"] = tuple(rest)
    return Prediction(best[0], details=details, columns=COLUMNS)


def characters(
    text: str, scores: NDArray[np.float32], alphabet: Alphabet, origins: NDArray[np.int64]
) -> tuple[Character, ...]:
    """Which points each character of a text was drawn with, spaces left out.

    The best path of CTC says in which step each character was recognised; the points between two
    of these steps are shared out at the start of the stroke, or else the step, half-way.

    **Arguments:** `scores`: log probabilities, (T, V); `origins`: the ink's point of each step.
    """
    known = [c for c in text if not alphabet.lacks(c)]
    spans = forced_alignment(scores, alphabet.encode("".join(known)))
    places = [(c, span) for c, span in zip(known, spans, strict=True) if c != " "]
    if not places:
        return ()
    middles = [(span.first + span.end - 1) / 2 for _, span in places]
    edges = [0, *(int(np.ceil((a + b) / 2)) for a, b in pairwise(middles))]
    edges.append(len(scores))
    return tuple(
        Character(c, int(origins[first]), int(origins[max(first, last - 1)]))
        for (c, _), first, last in zip(places, edges, edges[1:], strict=False)
    )
