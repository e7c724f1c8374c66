"""Where in the frames a known text was spoken: the best path of CTC through it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.decode.alphabet import BLANK
from elman.decode.hypothesis import Span


def forced_alignment(log_probs: NDArray[Any], ids: list[int], first_frame: int = 0) -> list[Span]:
    """When each character of a text was spoken, by the most probable path that spells it.

    **Arguments:**

    - `log_probs`: (T, V) log probabilities.
    - `ids`: the text, none of them the blank.
    - `first_frame`: the number of the first frame, which the spans count from.

    **Returns:** a span for each id; evenly spread where no path spells the text, as when there are
    fewer frames than characters.

    >>> scores = np.log([[0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    >>> [(span.first, span.end) for span in forced_alignment(scores, [1])]
    [(1, 3)]
    """
    if not ids:
        return []
    frames = len(log_probs)
    symbols = np.full(2 * len(ids) + 1, BLANK)
    symbols[1::2] = ids
    leap = np.full(len(symbols), -np.inf)  # from one character past the blank to the next
    leap[3::2] = np.where(symbols[3::2] != symbols[1:-2:2], 0.0, -np.inf)
    scores = np.asarray(log_probs, np.float64)[:, symbols]
    padded = np.full(len(symbols) + 2, -np.inf)
    here, one, two = padded[2:], padded[1:-1], padded[:-2]
    steps = np.zeros((frames, len(symbols)), np.int8)
    for t in range(frames):
        if t == 0:
            here[:2] = scores[0, :2]
            continue
        options = np.stack([here, one, two + leap])
        steps[t] = options.argmax(0)
        here[:] = options.max(0) + scores[t]
    at = len(symbols) - 1 - int(here[-2] > here[-1])
    if not here[at] > -np.inf:
        return _spread(frames, ids, first_frame)
    path = np.empty(frames, np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = at
        at -= int(steps[t, at])
    spans = []
    for k, id in enumerate(ids):
        first, end = np.searchsorted(path, [2 * k + 1, 2 * k + 2])
        peak = float(scores[first:end, 2 * k + 1].max())
        spans.append(Span(id, first_frame + int(first), first_frame + int(end), peak))
    return spans


def _spread(frames: int, ids: list[int], first_frame: int) -> list[Span]:
    edges = first_frame + np.arange(len(ids) + 1) * frames // len(ids)
    return [
        Span(id, int(a), int(b), -np.inf) for id, a, b in zip(ids, edges, edges[1:], strict=False)
    ]
