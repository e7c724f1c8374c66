import numpy as np
import pytest

from elman.data import read_inks
from elman.data.ink.formats.svg_path import path_strokes
from elman.data.ink.formats.svg_transform import transform_of
from elman.errors import DataError


def strokes(d):
    return [stroke.tolist() for stroke in path_strokes(d, "a.svg:1")]


@pytest.mark.parametrize(
    ("d", "expected"),
    [
        ("M1 2L3 4", [[[1, 2], [3, 4]]]),
        ("M1,2 3,4 5,6", [[[1, 2], [3, 4], [5, 6]]]),
        ("m1 2 2 2", [[[1, 2], [3, 4]]]),
        ("M0 0H5V6h-1v-2", [[[0, 0], [5, 0], [5, 6], [4, 6], [4, 4]]]),
        ("M0 0L1 0L1 1z", [[[0, 0], [1, 0], [1, 1], [0, 0]]]),
        ("M0 0L1 0zl5 5", [[[0, 0], [1, 0], [0, 0]], [[0, 0], [5, 5]]]),
        ("M1 1l1 0m5-1-.5.5", [[[1, 1], [2, 1]], [[7, 0], [6.5, 0.5]]]),
        ("M1e1-2E-1", [[[10, -0.2]]]),
        ("", []),
    ],
)
def test_lines(d, expected):
    assert strokes(d) == expected


def test_curves_pass_where_they_should():
    (cubic,) = path_strokes("M0 0C0 4 4 4 4 0", "a")
    assert len(cubic) == 17
    assert cubic[8] == pytest.approx([2, 3])
    (quadratic,) = path_strokes("M0 0q2 4 4 0", "a")
    assert quadratic[8] == pytest.approx([2, 2])
    (smooth,) = path_strokes("M0 0C0 4 4 4 4 0S8-4 8 0", "a")
    assert smooth[24] == pytest.approx([6, -3])
    (smooth,) = path_strokes("M0 0Q2 4 4 0T8 0", "a")
    assert smooth[24] == pytest.approx([6, -2])
    (alone,) = path_strokes("M0 0S4 4 4 0", "a")  # without a curve before, its handle is here
    assert alone[8] == pytest.approx([2, 1.5])


def test_arcs_are_parts_of_their_ellipse():
    (half,) = path_strokes("M0 0A1 1 0 0 1 2 0", "a")
    assert np.hypot(half[:, 0] - 1, half[:, 1]) == pytest.approx(np.ones(17))
    assert half[8] == pytest.approx([1, -1])  # clockwise on the screen: over the top
    (other,) = path_strokes("M0 0a1,1 0 002,0", "a")  # flags without spaces
    assert other[8] == pytest.approx([1, 1])
    (large,) = path_strokes("M0 0A1 1 0 1 1 1 1", "a")
    assert np.hypot(large[:, 0] - 1, large[:, 1]) == pytest.approx(np.ones(17), abs=1e-9)
    assert large[:, 0].max() == pytest.approx(2, abs=0.05)
    (turned,) = path_strokes("M0 0A1 3 90 0 1 6 0", "a")
    assert turned[8] == pytest.approx([3, -1])
    (too_small,) = path_strokes("M0 0A1 1 0 0 1 8 0", "a")
    assert too_small[8] == pytest.approx([4, -4])
    assert strokes("M0 0A0 1 0 0 1 2 2") == [[[0, 0], [2, 2]]]


@pytest.mark.parametrize(
    ("d", "message"),
    [
        ("L1 2", "a path begins with M"),
        ("M1 2 X", "'X' is not known there"),
        ("M1", "M in a path takes 2 numbers"),
        ("M0 0L1 2 3", "L in a path takes 2 numbers"),
        ("M0 0z5", "a number stands in the path without a command"),
        ("M0 0L1 2#", "cannot be read from '#'"),
        ("M0 0A1 1 0 2 1 2 0", "A in a path takes 7 numbers"),
    ],
)
def test_bad_paths(d, message):
    with pytest.raises(DataError, match=message):
        strokes(d)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("", [1, 2]),
        ("translate(3)", [4, 2]),
        ("translate(3,4)", [4, 6]),
        ("scale(2)", [2, 4]),
        ("scale(2 3) translate(1 1)", [4, 9]),
        ("matrix(1 2 3 4 5 6)", [12, 16]),
        ("rotate(90)", [-2, 1]),
        ("rotate(90, 1, 1)", [0, 1]),
        ("skewX(45)", [3, 2]),
        ("skewY(45)", [1, 3]),
    ],
)
def test_transforms(text, point):
    assert (transform_of(text, "a") @ [1, 2, 1])[:2] == pytest.approx(point)


def test_bad_transforms():
    for text in ("translate(1 2 3)", "spin(3)", "scale(x)", "translate 3"):
        with pytest.raises(DataError, match="transform"):
            transform_of(text, "a")


def test_a_picture(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title> bird </title>'
        '<defs><path d="M9 9"/></defs><g transform="translate(10 0)">'
        '<path transform="scale(2)" d="M1 1L2 2M3 3"/>'
        '<polyline points="0,0 1,1"/><polygon points="0 0 1 0 1 1"/></g>'
        '<line x1="1" y1="2" x2="3"/><g display="none"><line x2="5"/></g></svg>'
    )
    inks = read_inks(path)
    assert inks.texts == ["bird"]
    assert [stroke.tolist() for stroke in inks.inks[0].strokes] == [
        [[12, 2], [14, 4]],
        [[16, 6]],
        [[10, 0], [11, 1]],
        [[10, 0], [11, 0], [11, 1], [10, 0]],
        [[1, 2], [3, 0]],
    ]
    path.write_text('<svg>\n<polyline points="1 2 3"/></svg>')
    with pytest.raises(DataError, match=r"a.svg:2: the points of a polyline are pairs"):
        read_inks(path)
