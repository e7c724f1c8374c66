"""How well events found in videos are those that are there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.data import Event
from elman.tasks.video.event_tracker import FoundEvent

IOU = 0.5  # least intersection over union of an event and the one found


def iou(one: Event | FoundEvent, other: Event | FoundEvent) -> float:
    """Intersection over union of two spans of time.

    >>> iou(Event("a", 0.0, 4.0), Event("a", 2.0, 6.0))
    0.3333333333333333
    """
    common = min(one.end, other.end) - max(one.start, other.start)
    union = max(one.end, other.end) - min(one.start, other.start)
    return max(0.0, common) / union


def matched(
    actual: Sequence[Event], found: Sequence[FoundEvent], least: float = IOU
) -> list[tuple[int, int]]:
    """Pairs of the numbers of actual and found events of one label that overlap by `least` or more;
    each event is in one pair at most, the surest first.

    >>> there = [Event("a", 0.0, 2.0), Event("b", 4.0, 6.0)]
    >>> matched(there, [FoundEvent("a", 4.0, 6.0, 0.9), FoundEvent("a", 0.5, 2.0, 0.8)])
    [(0, 1)]
    """
    free = set(range(len(actual)))
    pairs = []
    for j in sorted(range(len(found)), key=lambda j: -found[j].confidence):
        overlaps = [
            (iou(actual[i], found[j]), -i) for i in free if actual[i].label == found[j].label
        ]
        best, i = max(overlaps, default=(0.0, 0))
        if best >= least:
            free.remove(-i)
            pairs.append((-i, j))
    return sorted(pairs)


def event_counts(
    actual: Sequence[Sequence[Event]], found: Sequence[Sequence[FoundEvent]]
) -> tuple[int, int, int]:
    """Over videos: events found that are there, found events, and actual ones."""
    hits = sum(len(matched(*pair)) for pair in zip(actual, found, strict=True))
    return hits, sum(map(len, found)), sum(map(len, actual))


def event_metrics(
    actual: Sequence[Sequence[Event]], found: Sequence[Sequence[FoundEvent]]
) -> dict[str, float]:
    """`event_precision`, `event_recall` and `event_f1` of all events: those found count where they
    overlap with one of the label by half of their union (IoU 0.5).

    >>> event_metrics([[Event("a", 0.0, 2.0)]], [[]])
    {'event_precision': 0.0, 'event_recall': 0.0, 'event_f1': 0.0}
    """
    hits, told, there = event_counts(actual, found)
    return {
        "event_precision": hits / max(1, told),
        "event_recall": hits / max(1, there),
        "event_f1": 2 * hits / (told + there) if told + there else 1.0,
    }


def frame_metrics(
    actual: Sequence[NDArray[np.bool_]], found: Sequence[NDArray[np.bool_]]
) -> dict[str, float]:
    """Of the labels of each frame, (T, labels) a video: `frame_accuracy`, the share of a video's
    frames with all labels right, the mean over the videos; and `frame_f1`, of all frames, the mean
    over the labels that occur or are found.

    >>> frame_metrics([np.array([[True], [False]])], [np.array([[True], [True]])])
    {'frame_accuracy': 0.5, 'frame_f1': 0.6666666666666666}
    """
    right = [float((a == f).all(1).mean()) for a, f in zip(actual, found, strict=True)]
    true, told = np.concatenate(list(actual)), np.concatenate(list(found))
    hits, either = (true & told).sum(0), true.sum(0) + told.sum(0)
    seen = either > 0
    return {
        "frame_accuracy": sum(right) / len(right),
        "frame_f1": float((2 * hits[seen] / either[seen]).mean()) if seen.any() else 1.0,
    }
