import numpy as np

from elman.tasks.signature.warping import aligned


def exhaustive(one, two):
    """The least sum along a path, by the recursion as it is written."""
    cost = np.linalg.norm(one[:, None] - two[None], axis=-1)
    total = np.full((len(one) + 1, len(two) + 1), np.inf)
    total[0, 0] = 0
    for i in range(len(one)):
        for j in range(len(two)):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = cost[i, j] + before
    return total[-1, -1]


def test_distance_is_that_of_the_recursion():
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(2, 5, 12, 3)).astype(np.float32)
    _, mean = aligned(one, two, two, band=1.0)
    for pair in range(5):
        least = exhaustive(one[pair], two[pair])
        length = round(least / float(mean[pair]))
        assert 12 <= length <= 23
        assert np.isclose(least / length, mean[pair], rtol=1e-4)


def test_a_sequence_is_aligned_with_itself():
    one = np.random.default_rng(2).normal(size=(3, 20, 2)).astype(np.float32)
    found, distance = aligned(one, one, one)
    assert np.array_equal(found, one)
    assert (distance < 1e-3).all()


def test_a_shift_within_the_band_is_undone():
    wave = np.sin(np.arange(60) / 5)[None, :, None].astype(np.float32)
    shifted = np.roll(wave, 4, axis=1)
    found, _ = aligned(wave, shifted, shifted)
    inside = slice(8, 50)
    assert np.abs(found - wave)[0, inside].max() < 0.1
    assert np.abs(shifted - wave)[0, inside].max() > 0.5
