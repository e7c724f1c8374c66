import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import DataError
from elman.tasks.speech.frontend import Front

FRAMES = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)


def front(deltas: int = 2, stack: int = 3, whole: bool = False) -> Front:
    return Front(np.full(4, 3, np.float32), deltas, stack, whole)


@given(
    st.lists(st.integers(0, 12), max_size=12), st.integers(0, 2), st.integers(1, 4), st.booleans()
)
def test_in_pieces_as_at_once(sizes: list[int], deltas: int, stack: int, late: bool) -> None:
    made = front(deltas, stack)
    frames = FRAMES[: min(sum(sizes), 50)]
    stream, begin, steps = made.stream(), 0, []
    for size in sizes:
        steps.append(stream.accept(frames[begin : begin + size]))
        begin += size
    steps.append(stream.finish())
    found = np.concatenate(steps)
    assert found.shape == (made.steps(len(frames)), made.size)
    np.testing.assert_array_equal(found, made.read(frames))


def test_slopes_are_those_of_a_line() -> None:
    rising = np.arange(12, dtype=np.float32)[:, None] * [0.5, -2] + [1, 7]
    made = Front(np.zeros(2, np.float32), deltas=2, stack=1, whole=True)
    steps = made.read(rising.astype(np.float32))
    np.testing.assert_allclose(steps[4:-4, 2:4], np.full((4, 2), [0.5, -2]), atol=1e-5)
    np.testing.assert_allclose(steps[4:-4, 4:], 0, atol=1e-5)
    by_hand = (1 * (0.5 - 0) + 2 * (1 - 0)) / 10  # frames 0 0 | 0 .5 1
    assert steps[0, 2] == pytest.approx(by_hand, abs=1e-6)


def test_the_mean_of_the_whole_is_subtracted() -> None:
    steps = front(0, 1, whole=True).read(FRAMES)
    np.testing.assert_allclose(steps, FRAMES - FRAMES.mean(0), atol=1e-5)
    with pytest.raises(ValueError, match="at its end only"):
        front(whole=True).stream()


def test_the_running_mean_forgets_slowly_and_knows_nothing_of_what_comes() -> None:
    made = front(0, 1)
    steps = made.read(FRAMES)
    first = 3 + (FRAMES[0] - 3) / 101
    np.testing.assert_allclose(steps[0], FRAMES[0] - first, atol=1e-5)
    changed = FRAMES.copy()
    changed[30:] += 100
    np.testing.assert_array_equal(made.read(changed)[:30], steps[:30])
    level = made.read(np.full((6000, 4), 9, np.float32))
    assert abs(level[-1]).max() < 0.3 < abs(level[100]).max()


def test_the_last_step_is_filled_with_zeros() -> None:
    steps = front(0, 3).read(FRAMES[:4])
    assert steps.shape == (2, 12)
    assert (steps[1, 4:] == 0).all()
    assert (steps[1, :4] != 0).all()


def test_frames_of_another_size() -> None:
    with pytest.raises(DataError, match="frames of 4 features"):
        front().read(np.zeros((3, 5), np.float32))
