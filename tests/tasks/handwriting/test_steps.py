import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Ink
from elman.tasks.handwriting.encoder import InkEncoder
from elman.tasks.handwriting.plan import are_symbols, explained, is_told_by_size
from elman.tasks.handwriting.settings import HandwritingSettings
from elman.tasks.handwriting.steps import Steps, size_of

PLACES = st.floats(-1e4, 1e4).map(lambda x: round(x, 2))
STROKES = st.lists(
    st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=12), min_size=1, max_size=4
)


@given(STROKES, st.booleans())
@settings(max_examples=60)
def test_steps_are_finite_and_come_from_their_strokes(strokes: list, is_text: bool) -> None:
    ink = Ink.of_strokes(strokes)
    steps, origins = Steps(is_text, 8, 10.0, 0.0).read(ink)
    assert steps.shape == (len(origins), 6)
    assert steps.isfinite().all()
    assert int(steps[:, 2].sum()) == len(ink.starts)
    assert (steps[:, 3] == 1).all()
    stroke_of = np.cumsum(ink.is_start)
    np.testing.assert_array_equal(stroke_of[origins], np.cumsum(steps[:, 2].numpy()))
    assert (np.diff(origins) >= 0).all()


def test_symbols_are_measured_by_their_longer_side() -> None:
    ink = Ink.of_strokes([[(0, 0), (30, 0), (30, 10)]])
    assert size_of(ink, is_text=False) == 30
    steps, origins = Steps(False, 10, 30.0, 5.0).read(ink)
    assert float(np.ptp(steps[:, 0].numpy())) == pytest.approx(1)
    assert origins[0] == 0
    assert origins[-1] == 2


def test_a_line_is_measured_by_its_height() -> None:
    zigzag = [(x, 10 * (x % 2)) for x in range(100)]
    assert size_of(Ink.of_strokes([zigzag]), is_text=True) == pytest.approx(9, abs=1)


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("keep_size", [False, True])
def test_padding_does_not_change_features(is_text: bool, keep_size: bool) -> None:
    encoder = InkEncoder(HandwritingSettings(keep_size=keep_size), is_text=is_text).eval()
    reader = Steps(is_text, 16, 5.0, 20.0)  # which makes the place on the page negative
    steps, _ = reader.read(Ink.of_strokes([[(0, 0), (3, 4)], [(1, 9), (2, 2)]]))
    alone = encoder(steps[:, None])
    padded = torch.zeros(len(steps) + 5, 2, 6)
    padded[: len(steps), 0] = steps
    padded[: len(steps) + 5, 1, :2] = 7.0  # garbage that is marked as padding
    together = encoder(padded)
    torch.testing.assert_close(together[: len(steps), :1], alone)
    assert (together[len(steps) :] == 0).all()
    assert (together[:, 1] == 0).all()
    assert alone.shape[-1] == encoder.output_size


def test_variations_leave_the_box_of_symbols() -> None:
    encoder = InkEncoder(HandwritingSettings(keep_size=True), is_text=False)
    steps, _ = Steps(False, 16, 5.0, 2.0).read(Ink.of_strokes([[(0, 0), (3, 9), (7, 1)]]))
    torch.manual_seed(0)
    varied = encoder(steps[:, None].expand(-1, 50, -1))
    assert varied.isfinite().all()
    assert float(varied[:, :, 5:7].abs().max()) <= 1 + 1e-5
    assert float(varied.std(1).max()) > 0.01


def test_the_plan_knows_symbols_from_texts() -> None:
    assert are_symbols(["a", "b"])
    assert are_symbols(["circle", "arrow"] * 10)
    assert not are_symbols(["the cat", "a dog", "the cat"])


def test_size_is_kept_where_it_tells() -> None:
    small, large = Ink.of_strokes([[(0, 0), (1, 1)]]), Ink.of_strokes([[(0, 0), (4, 4)]])
    assert is_told_by_size([small, large] * 9, ["c", "C"] * 9)
    assert not is_told_by_size([small, large] * 9, ["c", "c", "o", "o"] * 4 + ["c", "o"])
    assert explained(np.zeros(4), np.array([0, 0, 1, 1])) == 0
