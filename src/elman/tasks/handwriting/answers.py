"""What a recogniser answers of ink: symbols with probabilities, texts with their characters."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from elman.decode.alphabet import Alphabet
from elman.decode.forced_alignment import forced_alignment

COLUMNS = "text", "name"  # of a prediction's value and of its input
_LATE = 2  # steps after its last one in which a character may be recognised


@dataclass(frozen=True)
class Character:
    """A character of a text and the ink's points that it was drawn with, first to last."""

    text: str
    first: int
    last: int


def characters(
    text: str,
    scores: NDArray[np.float32],
    alphabet: Alphabet,
    origins: NDArray[np.int64],
    is_start: NDArray[np.bool_],
) -> tuple[Character, ...]:
    """Which points each character of a text was drawn with, spaces left out.

    The best path of CTC says at which steps each character was recognised, which is often just
    after its end. Between two of them they are parted where a stroke begins, the nearest to
    half-way, or else half-way.

    **Arguments:** `scores`: log probabilities, (T, V); `origins`: the ink's point of each step;
    `is_start`: whether a stroke begins with it.
    """
    known = [c for c in text if not alphabet.lacks(c)]
    spans = forced_alignment(scores, alphabet.encode("".join(known)))
    places = [(c, span) for c, span in zip(known, spans, strict=True) if c != " "]
    if not places:
        return ()
    middles = [(span.first + span.end - 1) / 2 for _, span in places]
    strokes = np.flatnonzero(is_start)
    edges = [0, *(_parted(a, b, strokes[1:]) for a, b in pairwise(middles)), len(scores)]
    return tuple(
        Character(c, int(origins[first]), int(origins[max(first, last - 1)]))
        for (c, _), (first, last) in zip(places, pairwise(edges), strict=True)
    )


def _parted(one: float, other: float, strokes: NDArray[np.int64]) -> int:
    """The first step after the character recognised at step `one`, before that of `other`."""
    half = (one + other) / 2
    between = strokes[(strokes > one - _LATE) & (strokes <= other)]
    if len(between):
        return int(between[np.abs(between - half).argmin()])
    return int(np.ceil(half))
