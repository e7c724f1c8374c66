"""The probability from which on a frame counts as of an event."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data import Event
from elman.tasks.video.event_metrics import event_counts
from elman.tasks.video.event_tracker import EventRules, events_in

_TRIED = np.arange(0.05, 0.96, 0.05)


def best_thresholds(
    probabilities: Sequence[NDArray[np.floating]],
    events: Sequence[tuple[Event, ...]],
    labels: Sequence[str],
    rules: EventRules,
    rate: float,
) -> NDArray[np.float64]:
    """For each label the threshold of its probability, (T, labels) of each video, by which the F1
    of its events is the highest, (labels,); one half for a label that no event has.

    Of several as good the middle one.

    >>> told = [np.array([[0.2], [0.4], [0.4], [0.2]])]
    >>> best_thresholds(told, [(Event("a", 1.0, 3.0),)], ["a"], EventRules((1,), (0,)), 1.0)
    array([0.3])
    """
    found = np.full(len(labels), 0.5)
    for i, label in enumerate(labels):
        actual = [[each for each in own if each.label == label] for own in events]
        if not any(actual):
            continue
        quality = []
        for threshold in _TRIED:
            told = [
                events_in(own[:, [i]], np.array([threshold]), [label], rules.select(i), rate)
                for own in probabilities
            ]
            hits, count, there = event_counts(actual, told)
            quality.append(2 * hits / (count + there))
        best = np.flatnonzero(np.isclose(quality, max(quality)))
        found[i] = _TRIED[best[len(best) // 2]]
    return found.round(2)
