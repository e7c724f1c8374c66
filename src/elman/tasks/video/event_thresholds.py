"""The probability from which on a frame counts as of an event."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data import Event
from elman.tasks.video.event_metrics import event_counts
from elman.tasks.video.event_tracker import EventRules, events_in

_FEW = 10  # events of a label
_TRIED = np.arange(0.05, 0.96, 0.05)


def best_thresholds(
    probabilities: Sequence[NDArray[np.floating]],
    events: Sequence[tuple[Event, ...]],
    labels: Sequence[str],
    rules: EventRules,
    rate: float,
) -> NDArray[np.float64]:
    """For each label the threshold of its probability, (T, labels) of each video, by which the F1
    of its events is the highest, (labels,).

    Labels of fewer than ten events have one in common. Of several as good it is the middle one.

    >>> told = [np.array([[0.2], [0.2], [0.4], [0.4], [0.2], [0.2]])]
    >>> best_thresholds(told, [(Event("a", 2.0, 4.0),)], ["a"], EventRules((1,), (0,)), 1.0)
    array([0.3])
    """
    counts = np.zeros((3, len(_TRIED), len(labels)))  # hits, events told, events there
    alone = [rules.applied(own) for own in probabilities]
    for i, label in enumerate(labels):
        actual = [[each for each in own if each.label == label] for own in events]
        for k, threshold in enumerate(_TRIED):
            limit, own_rules = np.array([threshold]), rules.select(i)
            told = [events_in(own[:, [i]], limit, [label], own_rules, rate) for own in alone]
            counts[:, k, i] = event_counts(actual, told)
    is_rare = counts[2, 0] < _FEW
    found = np.full(len(labels), _best(counts[:, :, is_rare].sum(2)))
    for i in np.flatnonzero(~is_rare).tolist():
        found[i] = _best(counts[:, :, i])
    return found


def _best(counts: NDArray[np.float64]) -> float:
    """The threshold with the highest F1, one half if there is no event."""
    hits, told, there = counts
    if not there.any():
        return 0.5
    quality = 2 * hits / (told + there)
    best = np.flatnonzero(np.isclose(quality, quality.max()))
    return round(float(_TRIED[best[len(best) // 2]]), 2)
