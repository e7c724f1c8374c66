import json

import numpy as np
import pytest

from elman.data import read_inks
from elman.errors import DataError


def read(tmp_path, value, name="ink.json", **options):
    path = tmp_path / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return read_inks(path, **{"labelled": None, **options})


def strokes(inks):
    (ink,) = inks.inks
    return [stroke.tolist() for stroke in ink.strokes]


def test_quick_draw_simplified_and_raw(tmp_path):
    simplified = {"word": "cat", "key_id": "1", "drawing": [[[0, 9], [1, 2]], [[5], [6]]]}
    raw = {"word": "dog", "drawing": [[[0.5, 1], [2, 3], [100, 160]], [[4], [5], [400]]]}
    inks = read(tmp_path, "\n".join(map(json.dumps, (simplified, raw))) + "\n", "a.ndjson")
    assert inks.texts == ["cat", "dog"]
    cat, dog = inks
    assert [stroke.tolist() for stroke in cat.strokes] == [[[0, 1], [9, 2]], [[5, 6]]]
    assert cat.time is None
    assert dog.time == pytest.approx([0, 0.06, 0.3])
    assert [name.rpartition(":")[2] for name in inks.names] == ["1", "2"]
    alone = read(tmp_path, json.dumps(simplified) + "\n", "b.ndjson")
    assert alone.texts == ["cat"]


def test_lists_of_points(tmp_path):
    two = [[[1, 2], [3, 4]], [[5, 6]]]
    assert strokes(read(tmp_path, two)) == two
    assert strokes(read(tmp_path, [[1, 2], [3, 4]])) == [[[1, 2], [3, 4]]]
    timed = read(
        tmp_path, {"text": "a", "writer": "w", "strokes": [[[1, 2, 0, 0.5], [3, 4, 10, 1]]]}
    )
    assert timed.texts == ["a"]
    assert timed.writers == ["w"]
    assert timed.inks[0].time == pytest.approx([0, 0.01])
    assert timed.inks[0].pressure.tolist() == [0.5, 1]
    columns = [[[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]]
    assert strokes(read(tmp_path, columns)) == [[[i, i + 5] for i in range(5)]]


def test_objects_of_points(tmp_path):
    points = [{"x": 1, "y": 2, "t": 5}, {"x": 3, "y": 4, "t": 25}]
    for value in (points, [points], {"strokes": [{"points": points}]}, {"points": points}):
        inks = read(tmp_path, value)
        assert strokes(inks) == [[[1, 2], [3, 4]]]
        assert inks.inks[0].time == pytest.approx([0, 0.02])
    lists = {"strokes": [{"x": [1, 3], "y": [2, 4], "p": [0.1, 0.2]}]}
    assert read(tmp_path, lists).inks[0].pressure.tolist() == [0.1, 0.2]


def test_several_drawings_in_a_list(tmp_path):
    inks = read(tmp_path, [{"label": "a", "strokes": [[[0, 0]]]}, {"label": "b", "strokes": []}])
    assert inks.texts == ["a", "b"]
    assert [len(ink) for ink in inks] == [1, 0]


def element(**changes):
    base = {
        "type": "freedraw",
        "x": 10,
        "y": 20,
        "angle": 0,
        "points": [[0, 0], [4, 2]],
        "pressures": [0.25, 0.5],
        "simulatePressure": False,
    }
    return base | changes


def test_excalidraw(tmp_path):
    drawing = {
        "type": "excalidraw",
        "elements": [
            element(),
            element(isDeleted=True),
            {"type": "rectangle", "x": 0, "y": 0},
            element(x=0, y=0, angle=np.pi),
        ],
    }
    (ink,) = read(tmp_path, drawing, "a.excalidraw").inks
    assert ink.strokes[0].tolist() == [[10, 20], [14, 22]]
    assert ink.strokes[1] == pytest.approx(np.array([[4, 2], [0, 0]]))
    assert ink.pressure.tolist() == [0.25, 0.5, 0.25, 0.5]
    drawing["elements"][0]["simulatePressure"] = True
    assert read(tmp_path, drawing, "b.excalidraw").inks[0].pressure is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('[[{"x": 1, "y": 2}', "ink.json:1: bad JSON"),
        ([[[1, 2], [3]]], r"points of a stroke are of \[1, 2\] numbers"),
        ([[{"x": 1, "y": 2}, {"x": 1}]], "different fields"),
        ([[[1, "b"]]], "y has a value that is not a number"),
        ([[[1, None]]], "NaN or infinite"),
        ([[[1, 10**400]]], "not a number"),
        ("[[[1, NaN]]]", "NaN or infinite"),
        ({"strokes": 5}, "a list of strokes is needed, not 5"),
        ({"strokes": [7]}, "a stroke is a list of points, not 7"),
        ({"strokes": [{"colour": "red"}]}, "a stroke has points, not only 'colour'"),
        ({"drawing": [[[1, 2], [1]]]}, "more of x than of y, or fewer"),
        (
            {"type": "excalidraw", "elements": [element(x=None)]},
            r"ink.json: points has a value that is NaN",
        ),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_bad_files(tmp_path, value, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, value)


def test_a_bad_line_is_left_out(tmp_path):
    lines = '{"word": "a", "drawing": [[[1], [2]]]}\n{"word": \n{"word": "b", "drawing": []}\n'
    with pytest.warns(UserWarning, match=r"left out: 1 of 3 samples; .*a.ndjson:2: bad JSON"):
        inks = read(tmp_path, lines, "a.ndjson")
    assert inks.texts == ["a", "b"]
    assert list(inks.left_out) == [1]
