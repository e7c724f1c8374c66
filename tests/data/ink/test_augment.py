import numpy as np
import pytest

from elman.data import Ink, augmented
from elman.errors import SettingsError

INK = Ink.of_strokes(
    [[(0, 0), (0, 10), (5, 10)], [(9, 9)], [(3, 3), (4, 4)]], time=np.arange(6) / 10
)


def random(seed=0):
    return np.random.default_rng(seed)


def test_nothing_asked_is_nothing_changed():
    assert augmented(INK, random()) is INK
    assert len(augmented(Ink.of_strokes([]), random(), rotation=5, noise=0.1, stroke_drop=1)) == 0


def test_the_same_seed_draws_the_same():
    options = {"rotation": 10, "shear": 10, "scale": 0.2, "speed": 0.5, "noise": 0.01}
    one, same, other = (augmented(INK, random(seed), **options) for seed in (1, 1, 2))
    assert (one.points == same.points).all()
    assert (one.points != other.points).any()


def test_rotation_keeps_distances_and_its_bound():
    angles = []
    for seed in range(40):
        found = augmented(INK, random(seed), rotation=15)
        before, after = INK.points[1] - INK.points[0], found.points[1] - found.points[0]
        assert np.hypot(*after) == pytest.approx(10)
        cross = before[0] * after[1] - before[1] * after[0]
        angles.append(np.degrees(np.arctan2(cross, before @ after)))
    assert -15 <= min(angles) < -5
    assert 5 < max(angles) <= 15


def test_scale_and_speed_draw_factors_either_way():
    sizes = [augmented(INK, random(seed), scale=0.5).box for seed in range(60)]
    heights = [bottom - top for _, top, _, bottom in sizes]
    assert 10 / 1.5 <= min(heights) < 8
    assert 12 < max(heights) <= 15
    widths = [
        (right - left) / 9 * 10 / h for (left, _, right, _), h in zip(sizes, heights, strict=True)
    ]
    assert max(widths) <= 1.5**0.25 + 1e-9
    ends = [augmented(INK, random(seed), speed=1.0).time[-1] for seed in range(60)]
    assert 0.25 <= min(ends) < 0.4
    assert 0.7 < max(ends) <= 1.0
    bare = Ink.of_strokes([[(0, 0), (1, 1)]])
    assert augmented(bare, random(), speed=1.0).time is None


def test_noise_is_measured_by_the_box():
    ink = Ink.of_strokes([np.random.default_rng(0).uniform(0, 200, (4000, 2))])
    moves = augmented(ink, random(), noise=0.01).points - ink.points
    assert moves.std() == pytest.approx(2.0, rel=0.05)


def test_strokes_are_dropped_and_one_at_least_stays():
    counts = [len(augmented(INK, random(seed), stroke_drop=0.5).starts) for seed in range(200)]
    assert set(counts) == {1, 2, 3}
    assert {len(augmented(INK, random(seed), stroke_drop=1).starts) for seed in range(9)} == {1}
    kept = augmented(INK, random(3), stroke_drop=0.5)
    assert len(kept.time) == len(kept)


def test_wrong_settings():
    with pytest.raises(SettingsError, match="random=0: a numpy"):
        augmented(INK, 0)
    for name in ("rotation", "shear", "scale", "speed", "noise", "stroke_drop"):
        with pytest.raises(SettingsError, match=name):
            augmented(INK, random(), **{name: -1})
