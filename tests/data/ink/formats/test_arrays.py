import numpy as np
import pytest

from elman.data import Ink, read_inks
from elman.data.ink.formats.stroke3 import ink_of_stroke3, stroke3_of_ink
from elman.errors import DataError

ROWS = np.array([[1, 0, 0], [0, 2, 1], [3, 0, 0], [0, 1, 1]], np.int16)


def read(tmp_path, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return read_inks(tmp_path / "a.npz", labelled=False)


def test_one_drawing_and_many(tmp_path):
    (ink,) = read(tmp_path, drawing=ROWS)
    assert [stroke.tolist() for stroke in ink.strokes] == [[[1, 0], [1, 2]], [[4, 2], [4, 3]]]
    many = read(tmp_path, train=ROWS, train_offsets=[0, 2, 2, 4], test=ROWS, test_offsets=[0, 4])
    assert [len(ink) for ink in many] == [2, 0, 2, 4]
    assert [name.partition("a.npz/")[2] for name in many.names] == [
        "train/0",
        "train/1",
        "train/2",
        "test/0",
    ]
    assert [len(ink) for ink in read(tmp_path, steps=ROWS, offsets=[0, 1, 4])] == [1, 3]


def test_there_and_back():
    ink = Ink.of_strokes([[(4, 4), (5, 6)], [(0, 1)]])
    back = ink_of_stroke3(stroke3_of_ink(ink))
    assert (back.points + np.array([4, 4])).tolist() == ink.points.tolist()
    assert back.starts.tolist() == ink.starts.tolist()
    assert len(stroke3_of_ink(Ink.of_strokes([]))) == len(ink_of_stroke3(np.empty((0, 3)))) == 0


def test_pickled_objects_are_refused_with_the_way_out(tmp_path):
    objects = np.empty(2, object)
    objects[:] = [ROWS, ROWS[:2]]
    with pytest.raises(DataError, match=r"holds pickled objects, .*SPLIT_offsets"):
        read(tmp_path, train=objects)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((3, 2))}, r"stroke-3 is of shape \(N, 3\), not \(3, 2\)"),
        ({"a": np.array(["x"])}, "shape"),
        ({"a": np.full((1, 3), np.nan)}, "NaN"),
        ({"a": ROWS, "a_offsets": np.array([0, 9])}, "must rise from 0 to 4"),
        ({"a": ROWS, "a_offsets": np.array([0, 3, 1, 4])}, "must rise from 0 to 4"),
        ({"a": ROWS, "a_offsets": np.array([0.0, 4])}, "must be integers"),
        ({"offsets": np.array([0, 1])}, "no arrays of steps"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, **arrays)


def test_a_damaged_archive(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="cannot be read as"):
        read_inks(tmp_path / "a.npz")
