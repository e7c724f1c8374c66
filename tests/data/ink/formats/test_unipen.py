import pytest

from elman.data import read_inks
from elman.errors import DataError

INLINE = """.VERSION 1.0
.COMMENT strokes drawn by hand for the test
 1 2 of this text is no point
.COORD X Y T P
.X_POINTS_PER_MM 10
.WRITER_ID ann
.SEGMENT DIGIT 0 ? "7"
.PEN_DOWN
 0 10 100 50
 5 10 120 100
.PEN_UP
.DT 30
.WRITER_ID bob
.SEGMENT DIGIT 1 ? "\\"q"
.PEN_DOWN
 1 1 0 1
.PEN_UP
.PEN_DOWN
 2 2 50 2
.PEN_UP
"""
DELINEATED = """.COORD X Y
.POINTS_PER_SECOND 100
.HIERARCHY WORD CHARACTER
.SEGMENT WORD 0-2 GOOD "ab"
.SEGMENT CHARACTER 0 OK "a"
.SEGMENT CHARACTER 1-2 OK "b"
.PEN_DOWN
0 0
0 1
.PEN_UP
9 9
.PEN_DOWN
1 0
"""


def read(tmp_path, text, **options):
    path = tmp_path / "digits.dat"
    path.write_text(text)
    return read_inks(path, **options)


def test_segments_with_their_own_strokes(tmp_path):
    inks = read(tmp_path, INLINE)
    assert inks.texts == ["7", '"q']
    assert inks.writers == ["ann", "bob"]
    assert [name.rpartition(":")[2] for name in inks.names] == ["7", "14"]
    seven, other = inks
    assert seven.points.tolist() == [[0, -10], [5, -10]]
    assert seven.time == pytest.approx([0, 0.02])
    assert seven.pressure.tolist() == [0.5, 1]
    assert seven.unit == 0.1
    assert other.starts.tolist() == [0, 1]


def test_segments_that_name_components_and_the_highest_level_with_labels(tmp_path):
    inks = read(tmp_path, DELINEATED)
    assert inks.texts == ["ab"]
    (word,) = inks
    assert [stroke.tolist() for stroke in word.strokes] == [[[0, 0], [0, -1]], [[1, 0]]]
    assert word.time == pytest.approx([0, 0.01, 0.02])
    characters = read(tmp_path, DELINEATED.replace('GOOD "ab"', ""))
    assert characters.texts == ["a", "b"]
    assert [len(ink) for ink in characters] == [2, 1]


def test_a_file_without_segments_is_one_piece(tmp_path):
    inks = read(tmp_path, ".PEN_DOWN\n1 1\n.PEN_UP\n.PEN_DOWN\n2 2\n.PEN_UP\n", labelled=False)
    assert len(inks) == 1
    assert len(inks.inks[0].starts) == 2


def test_what_cannot_be_read_is_left_out_with_its_line(tmp_path):
    with pytest.warns(UserWarning, match="left out: 1 of 2 samples; .*digits.dat:9: 4 numbers"):
        inks = read(tmp_path, INLINE.replace(" 0 10 100 50", " 0 10 100 x"))
    assert inks.texts == ['"q']
    assert list(inks.left_out) == [0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '.INCLUDE pens.dat\n.SEGMENT A 0 ? "a"\n',
            r"component 0.*INCLUDE pens.dat is not followed",
        ),
        ('.SEGMENT A 0:3-4 ? "a"\n', "whole components are read, as 0-3, not '0:3-4'"),
        (f'.SEGMENT A 0-{10**12} ? "a"\n', "there is no component"),
        (".PEN_DOWN\n1 2 3\n", r"digits.dat:2: 2 numbers were expected: '1 2 3'"),
        (".PEN_DOWN\n1 nan\n", "NaN"),
        (".COORD X T\n.PEN_DOWN\n1 2\n", "the points have no column y: there are x, time"),
    ],
)
def test_bad_files(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, labelled=False)
