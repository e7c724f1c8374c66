import numpy as np
import pytest

from elman.data import Event
from elman.tasks.video.event_metrics import event_metrics, frame_metrics, iou, matched
from elman.tasks.video.event_thresholds import best_thresholds
from elman.tasks.video.event_tracker import (
    EventRules,
    EventTracker,
    FoundEvent,
    at_frames,
    events_in,
)

LABELS = ["a", "b", "c"]


def probabilities(seed: int, count: int = 200) -> np.ndarray:
    """Numbers that stay high or low for a while."""
    draw = np.random.default_rng(seed)
    steps = draw.random((count // 4, len(LABELS))).repeat(4, 0)
    return (steps + draw.normal(0, 0.1, steps.shape)).clip(0, 1)


def plain(values: np.ndarray, threshold: float, shortest: int, pause: int) -> list[tuple[int, int]]:
    """Runs above a threshold, frame by frame as they are described."""
    runs: list[list[int]] = []
    for t in np.flatnonzero(values > threshold).tolist():
        if runs and t - runs[-1][1] <= pause:
            runs[-1][1] = t + 1
        else:
            runs.append([t, t + 1])
    return [(a, b) for a, b in runs if b - a >= shortest]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_events_are_runs_without_short_ones_and_pauses(seed: int, chunk: int) -> None:
    values = probabilities(seed)
    rules = EventRules((1, 5, 9), (0, 3, 6))
    limits = np.array([0.5, 0.6, 0.4])
    tracker, found = EventTracker(LABELS, limits, rules, 10.0), []
    for i in range(0, len(values), chunk):
        other = EventTracker(LABELS, limits, rules, 10.0)
        other.restore(tracker.state)
        new = tracker.track(values[i : i + chunk])
        assert other.track(values[i : i + chunk]) == new
        found += new
    found += tracker.finish()
    for i, label in enumerate(LABELS):
        expected = plain(values[:, i], limits[i], rules.shortest[i], rules.pause[i])
        own = sorted((each for each in found if each.label == label), key=lambda e: e.start)
        assert [(each.start, each.end) for each in own] == [(a / 10, b / 10) for a, b in expected]
        means = [values[a:b, i].mean() for a, b in expected]
        np.testing.assert_allclose([each.confidence for each in own], means, atol=1e-4)
    whole = events_in(values, limits, LABELS, rules, 10.0)
    assert {(e.label, e.start, e.end) for e in whole} == {(e.label, e.start, e.end) for e in found}
    assert [each.start for each in whole] == sorted(each.start for each in whole)


def test_an_event_is_told_once_it_has_ended() -> None:
    tracker = EventTracker(["a"], np.array([0.5]), EventRules((2,), (2,)), 1.0)
    told = [len(tracker.track(np.array([[p]]))) for p in (0, 1, 1, 0, 1, 0, 0, 0, 1, 1)]
    assert told == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert tracker.running == ("a",)
    assert tracker.finish() == [FoundEvent("a", 8.0, 10.0, 1.0)]
    assert tracker.running == ()


def test_labels_that_never_overlap_exclude_each_other() -> None:
    apart = [(Event("a", 0, 1), Event("b", 1, 2))]
    assert EventRules.learn(apart, ["a", "b"], 8.0).exclusive
    assert not EventRules.learn([(Event("a", 0, 1), Event("b", 0.5, 2))], ["a", "b"], 8.0).exclusive
    values = np.array([[0.9, 0.6]] * 4 + [[0.6, 0.7]] * 4)
    limits = np.array([0.5, 0.5])
    one = events_in(values, limits, ["a", "b"], EventRules((1, 1), (0, 0), exclusive=True), 1.0)
    both = events_in(values, limits, ["a", "b"], EventRules((1, 1), (0, 0)), 1.0)
    assert [(each.label, each.start, each.end) for each in one] == [("a", 0, 4), ("b", 4, 8)]
    assert [(each.label, each.start, each.end) for each in both] == [("a", 0, 8), ("b", 0, 8)]


def test_events_and_labels_of_frames_are_each_other() -> None:
    events = [Event("a", 0.3, 1.1), Event("c", 0.9, 2.0), Event("b", 1.0, 1.01)]
    frames = at_frames(events, LABELS, 20, 10.0)
    assert np.flatnonzero(frames[:, 0]).tolist() == [3, 4, 5, 6, 7, 8, 9, 10]
    assert np.flatnonzero(frames[:, 1]).tolist() == [10]
    found = events_in(
        frames.astype(float), np.full(3, 0.5), LABELS, EventRules((1,) * 3, (0,) * 3), 10
    )
    assert {(e.label, e.start, e.end) for e in found} == {
        ("a", 0.3, 1.1),
        ("b", 1.0, 1.1),
        ("c", 0.9, 2.0),
    }


def test_metrics_of_events() -> None:
    actual = [[Event("a", 0, 4), Event("b", 4, 8), Event("a", 10, 12)], []]
    found = [
        [
            FoundEvent("a", 1, 4, 0.6),
            FoundEvent("a", 0, 4, 0.9),
            FoundEvent("a", 4, 8, 0.9),
            FoundEvent("a", 11, 13.5, 0.9),
        ],
        [FoundEvent("b", 0, 1, 0.9)],
    ]
    assert iou(actual[0][0], found[0][0]) == 0.75
    assert matched(actual[0], found[0]) == [(0, 1)]
    metrics = event_metrics(actual, found)
    assert metrics == {"event_precision": 1 / 5, "event_recall": 1 / 3, "event_f1": 2 / 8}
    assert event_metrics([[]], [[]])["event_f1"] == 1.0
    true = [np.array([[True, False]] * 3 + [[False, False]]), np.array([[False, True]] * 2)]
    told = [np.array([[True, False]] * 2 + [[False, False]] * 2), np.array([[False, True]] * 2)]
    assert frame_metrics(true, told) == {"frame_accuracy": 7 / 8, "frame_f1": (0.8 + 1) / 2}


def test_a_threshold_of_its_own_for_a_label_of_many_events() -> None:
    events = tuple(Event("a", 10.0 * i, 10.0 * i + 5) for i in range(12))
    told = np.full((120, 2), 0.1)
    told[at_frames(events, ["a", "b"], 120, 1.0)[:, 0], 0] = 0.3
    told[60:65, 1], rare = 0.8, Event("b", 60.0, 65.0)
    rules = EventRules((1, 1), (0, 0))
    found = best_thresholds([told], [(*events, rare)], ["a", "b"], rules, 1.0)
    assert 0.1 < found[0] < 0.3
    assert 0.1 < found[1] < 0.8
    assert found[0] != found[1]
    assert best_thresholds([told], [()], ["a", "b"], rules, 1.0).tolist() == [0.5, 0.5]
