import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data import Ink
from elman.data.ink.curves import curves_of
from elman.data.ink.preparation import resampled

NUMBERS = st.floats(-100, 100)
STROKES = st.lists(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=15), min_size=1, max_size=3
)

UNHURRIED = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def bezier(control, count=60):
    s = np.linspace(0, 1, count)[:, None]
    weights = ((1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3)
    return sum(w * np.array(p, float) for w, p in zip(weights, control, strict=True))


def test_a_cubic_curve_is_found_again():
    control = [(0, 0), (2, 1), (4, 1), (6, 0)]
    curves = curves_of(Ink.of_strokes([bezier(control)]), 0.01)
    assert len(curves.ends) == 1
    assert curves.handles[0] == pytest.approx(np.array(control[1:3], float), abs=0.15)
    assert curves.points(60)[0][30] == pytest.approx(bezier(control)[30], abs=0.05)


@UNHURRIED
@given(STROKES, st.floats(0.5, 20))
def test_every_point_is_near_its_curves_and_they_join(strokes, tolerance):
    ink = Ink.of_strokes(strokes)
    curves = curves_of(ink, tolerance)
    assert (curves.ends[0, 0] == ink.points[0]).all()
    assert (curves.ends[-1, 1] == ink.points[-1]).all()
    assert (curves.ends[1:, 0] == curves.ends[:-1, 1]).all()
    assert curves.in_air.sum() == len(ink.starts) - 1
    assert np.isfinite(curves.handles).all()


@pytest.mark.parametrize("tolerance", [0.5, 0.05, 0.01])
def test_the_tolerance_is_kept_where_there_are_points_enough(tolerance):
    angles = np.linspace(0, 12, 400)
    spiral = np.stack([angles * np.cos(angles), angles * np.sin(angles)], axis=1)
    ink = resampled(Ink.of_strokes([spiral]), 0.1)
    curves = curves_of(ink, tolerance)
    drawn = curves.points(200).reshape(-1, 2)
    distance = np.hypot(*(ink.points[:, None] - drawn[None]).transpose(2, 0, 1)).min(1)
    assert distance.max() < tolerance + 0.04
    assert len(curves.ends) < len(ink) / 8


def test_the_curves_do_not_depend_on_where_the_ink_is():
    angles = np.linspace(0, 6, 100)
    ink = Ink.of_strokes([np.stack([np.cos(angles), np.sin(2 * angles)], axis=1)])
    near = curves_of(ink, 0.05)
    far = curves_of(ink.placed(ink.points + 1e6), 0.05)
    assert far.handles - 1e6 == pytest.approx(near.handles, abs=1e-4)


def test_time_is_a_cubic_of_the_parameter():
    points = np.stack([np.linspace(0, 1, 50), np.zeros(50)], axis=1)
    s = np.linspace(0, 1, 50)
    seconds = 2 * s + s**2 - 0.5 * s**3
    curves = curves_of(Ink.of_strokes([points], time=seconds), 0.1)
    assert curves.time[0] == pytest.approx([2, 1, -0.5], abs=1e-6)
    jump = Ink.of_strokes([[(0, 0)], [(1, 1)]], time=np.array([0, 0.4]))
    assert curves_of(jump, 0.1).time[1].tolist() == pytest.approx([0.4, 0, 0])
