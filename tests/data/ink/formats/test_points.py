import pytest

from elman.data import read_inks
from elman.errors import DataError


def read(tmp_path, text, name="a.csv", **options):
    path = tmp_path / name
    path.write_text(text)
    return read_inks(path, **{"labelled": None, **options})


def test_named_columns(tmp_path):
    rows = ("0,1,0.5,10,a,seven,w", "2,3,0.75,20,a,seven,w", "4,5,1.5,5,b,seven,w")
    text = "\n".join(("x,y,t,p,stroke,label,writer", *rows))
    inks = read(tmp_path, text)
    (ink,) = inks
    assert inks.texts == ["seven"]
    assert inks.writers == ["w"]
    assert ink.points.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert ink.starts.tolist() == [0, 2]
    assert ink.time.tolist() == [0, 0.25, 1.0]
    assert ink.pressure.tolist() == [0.5, 1, 0.25]


def test_the_pen_and_whole_milliseconds(tmp_path):
    (ink,) = read(tmp_path, "Y\tX\ttime\tpen\n1\t0\t10\t1\n2\t0\t20\t0\n3\t0\t30\t1\n", "a.tsv")
    assert ink.points.tolist() == [[0, 1], [0, 3]]
    assert ink.starts.tolist() == [0, 1]
    assert ink.time.tolist() == pytest.approx([0, 0.02])


def test_rows_of_several_samples(tmp_path):
    inks = read(tmp_path, "sample,x,y,text\na,0,0,one\nb,1,1,two\na,2,2,one\n")
    assert inks.texts == ["one", "two"]
    assert [len(ink) for ink in inks] == [2, 1]


@pytest.mark.parametrize("mark", [",", " ", "\t", ";", ", "])
def test_bare_rows(tmp_path, mark):
    text = "\n".join(mark.join(map(str, row)) for row in ((1, 2, 0), (3, 4, 0), (5, 6, 1)))
    (ink,) = read(tmp_path, text, "a.txt")
    assert ink.points.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert ink.starts.tolist() == [0, 2]
    (ink,) = read(tmp_path, f"1{mark}2\n3{mark}4\n\n5{mark}-6e-1\n", "a.txt")
    assert ink.starts.tolist() == [0, 2]
    assert ink.points[2].tolist() == [5, -0.6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,b\n", r"a.csv:2: y is 'b', not a number"),
        ("x,y\n1,\n", r"a.csv:2: y is"),
        ("1,2\n3\n", "a.csv:2: 1 numbers where the first row has 2"),
        ("1,2\nthree,4\n", "a.csv:2: not a row of numbers"),
        ("x,y,p\n1,1,-4\n", "pressure has a value that is below 0"),
        ("name,city\na,b\n", "is of no format of ink that is known: InkML, UNIPEN"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)
