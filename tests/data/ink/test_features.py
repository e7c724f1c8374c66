import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data import Ink, feature_names, ink_features
from elman.data.ink.preparation import normalised, resampled, rotated
from elman.errors import DataError, SettingsError

NUMBERS = st.integers(-1000, 1000)
STROKES = st.lists(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9), min_size=1, max_size=4
)
INK = Ink.of_strokes(
    [[(0, 0), (3, 4), (3, 4)], [(6, 0)]],
    time=np.array([0, 0.1, 0.3, 0.7]),
    pressure=np.array([0.1, 0.2, 0.3, 0.4]),
)

UNHURRIED = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def test_each_column_is_what_the_table_says():
    found = ink_features(INK, place=True, pressure=True, time=True)
    names = feature_names(place=True, pressure=True, time=True)
    assert found.dtype == np.float32
    columns = dict(zip(names, found.T.tolist(), strict=True))
    expected = {
        "dx": [0, 3, 0, 3],
        "dy": [0, 4, 0, -4],
        "cosine": [0, 0.6, 0, 0.6],
        "sine": [0, 0.8, 0, -0.8],
        "in air": [1, 0, 0, 1],
        "x in box": [-0.5, 0, 0, 0.5],
        "y in box": [-1 / 3, 1 / 3, 1 / 3, -1 / 3],
        "width": [6] * 4,
        "height": [4] * 4,
        "x": [0, 3, 3, 6],
        "y": [0, 4, 4, 0],
        "pressure": [0.1, 0.2, 0.3, 0.4],
        "seconds": [0, 0.1, 0.2, 0.4],
    }
    assert list(columns) == list(expected)
    for name, values in expected.items():
        assert columns[name] == pytest.approx(values, abs=1e-6), name


@UNHURRIED
@given(STROKES, NUMBERS, NUMBERS)
def test_features_do_not_know_where_the_ink_is(strokes, x, y):
    ink = Ink.of_strokes(strokes)
    moved = ink.placed(ink.points + np.array([x, y]))
    assert ink_features(moved) == pytest.approx(ink_features(ink), abs=1e-4)
    moved_curves, curves = ink_features(moved, "curve"), ink_features(ink, "curve")
    assert moved_curves.shape[1] == curves.shape[1] == 10


def test_far_ink_has_the_same_features_within_what_a_float_holds():
    far = INK.placed(INK.points + 1e9)
    assert ink_features(far) == pytest.approx(ink_features(INK), abs=1e-6)


def test_features_of_another_sampling_rate_are_nearly_the_same():
    angles = np.linspace(0, 5, 2000)
    curve = np.stack([np.cos(angles), np.sin(2 * angles)], axis=1)
    fine, coarse = (
        ink_features(resampled(normalised(Ink.of_strokes([points]), "box"), 0.05))
        for points in (curve, curve[[*range(0, 1999, 20), 1999]])
    )
    assert len(fine) == len(coarse)
    assert np.abs(fine - coarse).max() < 0.1
    assert np.abs(fine - coarse).mean() < 0.01


def test_a_turn_turns_the_directions():
    angles = np.linspace(0, 5, 200)
    ink = Ink.of_strokes([np.stack([np.cos(angles), np.sin(2 * angles)], axis=1)])
    before, after = ink_features(ink), ink_features(rotated(ink, 30))
    turn = np.arctan2(after[1:, 3], after[1:, 2]) - np.arctan2(before[1:, 3], before[1:, 2])
    assert np.mod(turn, 2 * np.pi) == pytest.approx(np.radians(30), abs=1e-4)


def test_ink_without_points_or_extent():
    assert ink_features(Ink.of_strokes([])).shape == (0, 9)
    assert ink_features(Ink.of_strokes([]), "curve").shape == (0, 10)
    dot = ink_features(Ink.of_strokes([[(5, 5)]]))
    assert dot.tolist() == [[0, 0, 0, 0, 1, 0, 0, 0, 0]]
    curve = ink_features(Ink.of_strokes([[(5, 5)]]), "curve")
    assert curve.shape == (1, 10)
    assert np.isfinite(curve).all()


def test_what_is_not_there_is_told():
    bare = Ink.of_strokes([[(0, 0)]])
    with pytest.raises(DataError, match="the ink has no pressure, which the features need"):
        ink_features(bare, pressure=True)
    with pytest.raises(DataError, match="the ink has no time"):
        ink_features(bare, time=True)
    with pytest.raises(SettingsError, match="kind='fourier': delta or curve is needed"):
        ink_features(bare, "fourier")
    with pytest.raises(SettingsError, match="kind='curve' has no place"):
        ink_features(bare, "curve", place=True)
    with pytest.raises(SettingsError, match="tolerance=0"):
        ink_features(bare, "curve", tolerance=0)


def test_curve_features_of_a_straight_line():
    ink = Ink.of_strokes([[(0, 0), (1, 0), (2, 0), (3, 0)]], time=np.array([0, 0.1, 0.2, 0.3]))
    ((dx, dy, first, second, a, b, *time, air),) = ink_features(ink, "curve").tolist()
    assert (dx, dy, air) == (3, 0, 0)
    assert (first, second, a, b) == pytest.approx((1 / 3, 1 / 3, 0, 0), abs=1e-5)
    assert time == pytest.approx([0.3, 0, 0], abs=1e-5)
