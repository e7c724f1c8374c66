import warnings

import pytest

from elman.data import read_table
from elman.errors import DataError, SettingsError


def write(tmp_path, content, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(content.encode(encoding))
    return path


ROWS = {"text": ["short, but good", "a; b"], "stars": ["5", "1"]}


@pytest.mark.parametrize(
    "content",
    [
        'text,stars\n"short, but good",5\n"a; b",1\n',
        'text;stars\nshort, but good;5\n"a; b";1\n',
        "text\tstars\nshort, but good\t5\na; b\t1\n",
        "text|stars\nshort, but good|5\na; b|1\n",
        'sep=;\r\ntext;stars\r\nshort, but good;5\r\n"a; b";1\r\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_delimiter_is_found(tmp_path, content, encoding):
    assert read_table(write(tmp_path, content, encoding=encoding)).columns == ROWS


def test_excels_text_with_tabs(tmp_path):
    content = "text\tstars\r\nshort, but good\t5\r\na; b\t1\r\n"
    assert read_table(write(tmp_path, content, "a.TXT", "utf-16")).columns == ROWS


def test_decimal_commas(tmp_path):
    path = write(tmp_path, "1,5;2,5\n3,1;4,2\n")
    assert read_table(path, header=False).columns == {"0": ["1,5", "3,1"], "1": ["2,5", "4,2"]}
    path = write(tmp_path, "day;y\n1;2,5\n2;4,25\n")
    assert read_table(path).columns == {"day": ["1", "2"], "y": ["2,5", "4,25"]}


def test_a_column_of_its_own_is_not_parted(tmp_path):
    path = write(tmp_path, "text\none; two\nthree; four\n")
    assert read_table(path).columns == {"text": ["one; two", "three; four"]}


def test_a_comma_stays_where_others_part_alike(tmp_path):
    path = write(tmp_path, "text,label\na,x|y\nb; c,y|z\n")
    assert read_table(path).columns == {"text": ["a", "b; c"], "label": ["x|y", "y|z"]}


@pytest.mark.parametrize("delimiter", ["^", "tab", "\\t"])
def test_a_delimiter_that_is_told(tmp_path, delimiter):
    mark = "^" if delimiter == "^" else "\t"
    path = write(tmp_path, f"a{mark}b\n1,2{mark}3\n", "a.data")
    assert read_table(path, delimiter=delimiter).columns == {"a": ["1,2"], "b": ["3"]}


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n", "x", 3])
def test_what_is_no_delimiter(delimiter):
    with pytest.raises(SettingsError, match="is not one character that parts fields"):
        read_table({"a": [1]}, delimiter=delimiter)


def test_a_wrong_delimiter_is_a_hint(tmp_path):
    path = write(tmp_path, "text;stars\na;5\n")
    with pytest.raises(DataError, match=r"has no column 'text'.*if ';' parts.*delimiter=';'"):
        read_table(path, delimiter=",").column("text", "text")
    path = write(tmp_path, "a,b\n1,2,3\n")
    with pytest.raises(DataError, match=r"a\.csv:2: 3 fields where line 1 has 2, separated by ','"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a,b\n1,2\n,\n , \n", "2 empty rows at the end"),
        ("a,b\n1,2\n,\n", "1 empty row at the end"),
        ("a,b,,\n1,2,,\n,,,\n", "1 empty row at the end, 2 empty columns without a name"),
        ("a;b\n1;2\n" + ";\n" * 1200, "1,200 empty rows at the end"),
    ],
)
def test_what_spreadsheets_leave_is_left_out_and_counted(tmp_path, content, what):
    with pytest.warns(UserWarning, match=f"a.csv: left out: {what}$"):
        assert read_table(write(tmp_path, content)).columns == {"a": ["1"], "b": ["2"]}


def test_line_ends_at_the_end_are_no_rows(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_table(write(tmp_path, "a,b\n1,2\n\n\n")).rows == [f"{tmp_path}/a.csv:2"]


def test_an_empty_line_of_one_column_is_a_value(tmp_path):
    assert read_table(write(tmp_path, "a\n1\n\n2\n")).columns == {"a": ["1", "", "2"]}


def test_empty_rows_alone(tmp_path):
    with pytest.warns(UserWarning, match="2 empty rows"), pytest.raises(DataError, match="no rows"):
        read_table(write(tmp_path, "a,b\n,\n,\n"))
