import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data import Ink
from elman.data.ink.preparation import (
    curvature,
    normalised,
    resampled,
    resampled_in_time,
    rotated,
    scaled,
    sheared,
    slant_of,
    smoothed,
    without_duplicates,
    without_slant,
)
from elman.errors import DataError, SettingsError

EMPTY = Ink.of_strokes([])
DOT = Ink.of_strokes([[(3, 4)]])
NUMBERS = st.floats(-1e3, 1e3)
STROKES = st.lists(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12), min_size=1, max_size=4
)

UNHURRIED = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def with_time(strokes):
    ink = Ink.of_strokes(strokes)
    return Ink(ink.points, ink.starts, np.arange(len(ink)) * 0.01, np.linspace(0, 1, len(ink)))


def circle(count, radius=1.0):
    angles = np.linspace(0, 1.5 * np.pi, count)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


@UNHURRIED
@given(STROKES, st.floats(1.0, 500.0))
def test_resampling_keeps_the_ends_of_strokes_and_steps_evenly_along_them(strokes, step):
    ink = with_time(strokes)
    found = resampled(ink, step)
    assert len(found.starts) == len(ink.starts)
    for before, after in zip(ink.strokes, found.strokes, strict=True):
        length = np.hypot(*np.diff(before, axis=0).T).sum()
        assert (after[0] == before[0]).all()
        assert (after[-1] == before[-1]).all() or length == 0
        steps = 0 if length == 0 else max(1, round(length / step))
        assert abs(len(after) - 1 - steps) <= (abs(length / step % 1 - 0.5) < 1e-6)
        if steps:
            gaps = np.hypot(*np.diff(after, axis=0).T)
            assert (gaps <= length / (len(after) - 1) * (1 + 1e-6) + 1e-9).all()
    assert (np.diff(found.time) >= 0).all()
    assert found.pressure.min() >= 0
    assert found.pressure.max() <= 1


@pytest.mark.parametrize("count", [30, 47, 200, 1000])
def test_resampling_forgets_the_sampling_rate(count):
    reference = resampled(Ink.of_strokes([circle(5000), circle(5000, 0.3) + 2]), 0.1)
    found = resampled(Ink.of_strokes([circle(count), circle(count, 0.3) + 2]), 0.1)
    assert len(found) == len(reference)
    assert np.abs(found.points - reference.points).max() < 0.01


def test_resampled_angles_take_the_short_way_round():
    azimuth = np.radians([350.0, 10.0])
    ink = Ink.of_strokes([[(0, 0), (2, 0)]], azimuth=azimuth, altitude=np.array([1.0, 0.5]))
    found = resampled(ink, 1.0)
    assert np.degrees(found.azimuth) == pytest.approx([350, 0, 10])
    assert found.altitude == pytest.approx([1, 0.75, 0.5])


def test_resampling_in_time():
    ink = Ink.of_strokes(
        [[(0, 0), (10, 0), (11, 0)], [(5, 5)], [(1, 1), (2, 2)]],
        time=np.array([0, 0.1, 0.2, 0.5, 0.7, 0.7]),
    )
    found = resampled_in_time(ink, 0.05)
    assert found.strokes[0][:, 0].tolist() == pytest.approx([0, 5, 10, 10.5, 11])
    assert found.strokes[1].tolist() == [[5, 5]]
    assert found.strokes[2].tolist() == [[1, 1], [2, 2]]
    assert found.time == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.5, 0.7, 0.7])
    with pytest.raises(DataError, match="no time"):
        resampled_in_time(DOT, 0.1)
    back = Ink.of_strokes([[(0, 0), (1, 1)]], time=np.array([0.0, -1.0]))
    with pytest.raises(DataError, match="the time decreases at point 1"):
        resampled_in_time(back, 0.1)


def test_large_numbers_and_duplicates_resample_and_too_many_points_are_refused():
    far = Ink.of_strokes([[(1e9, -1e9), (1e9, -1e9), (1e9 + 4, -1e9)], [(7, 7), (7, 7)]])
    assert resampled(far, 1.0).points.tolist() == [
        *([1e9 + i, -1e9] for i in range(5)),
        [7, 7],
    ]
    with pytest.raises(DataError, match="would make 2e\\+09 points"):
        resampled(Ink.of_strokes([[(0, 0), (1e9, 0)]]), 0.5)
    for step in (0, -1, float("nan"), "1"):
        with pytest.raises(SettingsError, match="step"):
            resampled(DOT, step)


@pytest.mark.parametrize(
    "change",
    [
        lambda ink: resampled(ink, 0.5),
        smoothed,
        without_duplicates,
        without_slant,
        normalised,
        lambda ink: normalised(ink, "box"),
        lambda ink: rotated(ink, 30),
        lambda ink: scaled(ink, 2.0),
    ],
)
def test_empty_ink_and_a_dot_are_legal_everywhere(change):
    assert len(change(EMPTY)) == 0
    assert len(change(DOT)) == 1
    assert len(curvature(EMPTY)) == 0


@UNHURRIED
@given(STROKES, st.floats(-180, 180))
def test_turning_and_turning_back_is_nothing(strokes, degrees):
    ink = Ink.of_strokes([np.concatenate(strokes)])
    # The middle of the box moves with the turn: compare relative to the first point.
    there = rotated(ink, degrees)
    back = rotated(there, -degrees)
    local = back.points - back.points[0]
    assert local == pytest.approx(ink.points - ink.points[0], abs=1e-9 * 1e4)


def test_turning_is_clockwise_as_it_is_seen_and_turns_the_pen():
    up = Ink.of_strokes([[(0, 0), (0, -2)]], azimuth=np.array([0.0, 6.0]))
    found = rotated(up, 90)
    assert (found.points[1] - found.points[0]).tolist() == pytest.approx([2, 0])
    assert found.azimuth == pytest.approx([math.pi / 2, (6 + math.pi / 2) % (2 * math.pi)])


@UNHURRIED
@given(st.floats(-40, 40))
def test_slant_is_found_and_taken_away(degrees):
    upright = Ink.of_strokes([[(0, 0), (0, 10)], [(0, 5), (6, 5)], [(6, 0), (6, 10)]])
    slanted = sheared(upright, degrees)
    assert slant_of(slanted) == pytest.approx(degrees, abs=1e-6)
    assert without_slant(slanted).points == pytest.approx(upright.points, abs=1e-6)


def test_ink_without_upright_parts_has_no_slant():
    assert slant_of(Ink.of_strokes([[(0, 0), (5, 1)]])) == 0
    assert slant_of(DOT) == slant_of(EMPTY) == 0


def test_smoothing_damps_jitter_and_keeps_ends_and_straight_lines():
    line = np.stack([np.arange(20.0), np.zeros(20)], axis=1)
    jitter = line + np.array([[0, 1], [0, -1]] * 10)
    found = smoothed(Ink.of_strokes([jitter, line + 5]), 3)
    assert np.abs(found.strokes[0][5:-5, 1]).max() < 0.01
    assert found.strokes[0][[0, -1]].tolist() == jitter[[0, -1]].tolist()
    assert found.strokes[1] == pytest.approx(line + 5)
    with pytest.raises(SettingsError, match="times"):
        smoothed(DOT, -1)


def test_duplicates_go_with_their_channels():
    ink = with_time([[(0, 0), (0, 0), (1, 0), (1, 0)], [(1, 0), (1, 0)]])
    found = without_duplicates(ink)
    assert found.points.tolist() == [[0, 0], [1, 0], [1, 0]]
    assert found.starts.tolist() == [0, 2]
    assert found.time == pytest.approx([0, 0.02, 0.04])


def test_sizes():
    ink = Ink.of_strokes([[(2, 2), (10, 6)]], unit=0.5)
    assert normalised(ink, "height").box == (0, 0, 2, 1)
    assert normalised(ink, "height").unit == pytest.approx(2.0)
    assert normalised(ink, "box").box == (0, 0, 1, 0.5)
    assert normalised(ink, "none").box == (0, 0, 8, 4)
    assert normalised(ink, "none").unit == 0.5
    assert scaled(ink, 2, 3).unit is None
    dash = Ink.of_strokes([[(0, 5), (9, 5)]])
    assert normalised(dash, "height").box == (0, 0, 64, 0)
    with pytest.raises(SettingsError, match="size='wide'"):
        normalised(ink, "wide")


def test_curvature_of_a_circle_is_its_turning():
    turns = curvature(Ink.of_strokes([circle(100), [(0, 0), (1, 0), (1, -1)]]))
    assert turns[1:99] == pytest.approx(1.5 * np.pi / 99)
    assert turns[[0, 99, 100, 102]].tolist() == [0, 0, 0, 0]
    assert turns[101] == pytest.approx(-np.pi / 2)


@UNHURRIED
@given(STROKES)
def test_preparation_leaves_the_given_ink_alone(strokes):
    ink = with_time(strokes)
    points = ink.points.copy()
    for change in (smoothed, without_slant, without_duplicates, normalised):
        change(ink)
    resampled(ink, 50)
    assert (ink.points == points).all()
